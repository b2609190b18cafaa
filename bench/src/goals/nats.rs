//! A backlog of events on its way to JetStream, beside a bare publisher of the same messages.

mod backlog;
mod bare;

use std::time::Duration;

use anyhow::{Result, ensure};
use async_nats::jetstream::{self, Context};

use self::backlog::Backlog;
use self::bare::Bare;
use super::pair::in_turn;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::backend::{Backend, Kind};
use crate::stats::float;

/// Events for each second of `--seconds`: about what takes as long.
const EVENTS: u64 = 20_000;
/// Messages without an acknowledgement, at most: as many as the publisher's.
const IN_FLIGHT: usize = madang_events::BATCH;
/// The publisher's, by the producer's name.
const STREAM: &str = "MADANG_ORDERS";

/// One side's way through the backlog, and the stream that it left.
#[derive(Debug, Clone, Copy)]
struct Seen {
    per_second: f64,
    /// Of this process, for an event.
    cpu_us: f64,
    messages: u64,
    bytes: u64,
}

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let server = Backend::start(Kind::Nats).await?;
    let context = jetstream::new(async_nats::connect(&server.url).await?);
    let backlog = Backlog::fill(EVENTS * args.seconds).await?;
    // Each is seen to work before it is measured; the bare one has the stream and the messages of ours.
    ours(&context, &backlog, &server.url).await?;
    let bare = Bare::like(context.clone()).await?;
    bare.publish(backlog.events()).await?;
    let mut rounds = Vec::new();
    for round in 0..args.rounds {
        let mine = Box::pin(ours(&context, &backlog, &server.url));
        let (mine, yard) = in_turn(round, mine, Box::pin(bare.publish(backlog.events()))).await?;
        args.note(&format!(
            "nats, round {round}: {:.0} and {:.0} events/s",
            mine.per_second, yard.per_second
        ));
        same(backlog.events(), &mine, &yard)?;
        rounds.push((mine, yard));
    }
    server.stop().await?;
    Ok(told(&rounds))
}

/// Both streams have all events, and as many bytes, but for the digits of their numbers.
fn same(events: u64, ours: &Seen, yard: &Seen) -> Result<()> {
    let counted = [ours, yard].iter().all(|seen| seen.messages == events);
    let bytes = float(ours.bytes) / float(yard.bytes);
    ensure!(
        counted && (bytes - 1.0).abs() < 0.01,
        "the streams of {events} events differ: {ours:?}, {yard:?}"
    );
    Ok(())
}

/// The publisher, on a stream that it makes.
async fn ours(context: &Context, backlog: &Backlog, url: &str) -> Result<Seen> {
    // There is none at first.
    drop(context.delete_stream(STREAM).await);
    let rate = backlog.publish(url).await?;
    rate.seen(context).await
}

/// How long some events took.
#[derive(Debug, Clone, Copy)]
struct Rate {
    events: u64,
    took: Duration,
    cpu: Duration,
}

impl Rate {
    async fn seen(self, context: &Context) -> Result<Seen> {
        let state = context.get_stream(STREAM).await?.cached_info().state.clone();
        Ok(Seen {
            per_second: float(self.events) / self.took.as_secs_f64(),
            cpu_us: 1e6 * self.cpu.as_secs_f64() / float(self.events),
            messages: state.messages,
            bytes: state.bytes,
        })
    }
}

fn told(rounds: &[(Seen, Seen)]) -> Vec<Row> {
    let name = Goal::Nats.name();
    let of = |value: fn(&Seen) -> f64| rounds.iter().map(|(ours, yard)| (value(ours), value(yard))).collect();
    vec![
        Row::ratio(
            name,
            format!("events a second of a backlog, {IN_FLIGHT} in flight, beside a bare publisher's"),
            Wanted::AtLeast(0.8),
            of(|it| it.per_second),
        ),
        Row::ratio(name, "µs of the publisher's CPU for one", Wanted::Nothing, of(|it| it.cpu_us)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_differ_are_told() {
        let seen = |messages, bytes| Seen { per_second: 1.0, cpu_us: 1.0, messages, bytes };
        assert!(same(10, &seen(10, 5_000), &seen(10, 5_020)).is_ok());
        assert!(same(10, &seen(9, 5_000), &seen(10, 5_000)).is_err());
        assert!(same(10, &seen(10, 5_000), &seen(10, 4_000)).is_err());
    }
}
