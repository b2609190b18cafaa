//! The shop beside Restate with the same saga on it, written in two ways: `bench/peers`.

use anyhow::Result;

use super::durable;
use super::measure::{Plan, Seen, Target};
use super::pair::{self, WARM, in_turn};
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::peer::Peer;

/// Orders in flight, and how many times Restate's orders a second are wanted then.
const IN_FLIGHT: [(usize, f64); 2] = [(1, 2.5), (64, 6.0)];
/// The ways: each step is a service that keeps its own state, or a `run` that keeps nothing but its result in the journal.
const FORMS: [&str; 2] = ["objects", "runs"];

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for form in FORMS {
        rows.extend(beside(args, form).await?);
    }
    Ok(rows)
}

async fn beside(args: &Args, form: &str) -> Result<Vec<Row>> {
    let (shop, peer) = (pair::open().await?, Peer::open(form).await?);
    let (ours, yard) = (Target::shop(&shop)?, Target::peer(&peer));
    ours.load(WARM).await?;
    yard.load(WARM).await?;
    let mut seen = vec![Vec::new(); IN_FLIGHT.len()];
    for round in 0..args.rounds {
        for (at, (in_flight, _)) in IN_FLIGHT.into_iter().enumerate() {
            let both = in_turn((&ours, &yard), Plan::orders(in_flight, args.duration()), round).await?;
            args.note(&format!(
                "restate ({form}), round {round}, {in_flight} in flight: {:.0} and {:.0} orders/s",
                both.0.per_second, both.1.per_second
            ));
            seen[at].push(both);
        }
    }
    let mut rows = Vec::new();
    for ((in_flight, least), both) in IN_FLIGHT.into_iter().zip(&seen) {
        rows.extend(told(form, (in_flight, least), both));
        match syncs((&ours, &yard), Plan::orders(in_flight, args.duration())).await {
            Ok(both) => {
                let what = format!("syncs for an order, {in_flight} in flight ({form})");
                rows.push(Row::ratio(Goal::Restate.name(), what, Wanted::Nothing, vec![both]));
            }
            Err(error) => args.note(&format!("restate: no syncs are told: {error:#}")),
        }
    }
    peer.close().await?;
    shop.audit().await?;
    shop.close().await?;
    Ok(rows)
}

fn told(form: &str, (in_flight, least): (usize, f64), both: &[(Seen, Seen)]) -> [Row; 2] {
    let of = |value: fn(&Seen) -> f64| both.iter().map(|(ours, yard)| (value(ours), value(yard))).collect();
    let name = Goal::Restate.name();
    let what = |number: &str| format!("{number}, {in_flight} in flight ({form})");
    [
        Row::ratio(name, what("orders a second"), Wanted::AtLeast(least), of(|it| it.per_second)),
        Row::ratio(name, what("ms of CPU for an order"), Wanted::Nothing, of(|it| it.cpu_ms)),
    ]
}

/// Syncs for an order on both sides, in a load of their own.
async fn syncs((ours, yard): (&Target, &Target), plan: Plan) -> Result<(f64, f64)> {
    let (ours, _) = durable::count(ours, plan).await?;
    Ok((ours, durable::count(yard, plan).await?.0))
}
