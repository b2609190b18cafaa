//! Publishes the log to the stream, in the order of positions.
//!
//! Every message names the stream's sequence that it has to follow, so a window of messages on their way lands in order or
//! stops at the first that does not: nothing is swapped, skipped or repeated, whoever else publishes, and whatever is sent
//! again. After any trouble the stream itself tells where to go on.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::stream::{Info, Stream};
use madang_chassis::{Platform, Shutdown, chain};
use madang_db::{Db, Kind};
use madang_types::Ids;
use tokio::sync::watch;
use tokio::time::Instant;

mod gauges;
mod place;

use self::gauges::Gauges;
use self::place::Place;
use super::nats::Nats;
use super::stream::{self, StreamError};
use super::wire::Names;
use crate::Event;
use crate::backoff::Backoff;
use crate::outbox::Turn;
use crate::outbox::log::{self, ReadError};

const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often a publisher that stopped with an alarm looks whether it can go on.
const RECHECK: Duration = Duration::from_secs(5);
/// How often the place is written down.
const SAVE: Duration = Duration::from_secs(1);

/// The stream holds positions that this outbox never gave.
const STREAM_AHEAD_OF_PRODUCER: &str = "STREAM_AHEAD_OF_PRODUCER";
/// The stream holds another event at a position of this outbox.
const STREAM_OF_ANOTHER_LOG: &str = "STREAM_OF_ANOTHER_LOG";

/// Why publishing stopped.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the connection to NATS is lost")]
    Lost,
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("another publisher was first")]
    Overtaken,
    #[error("NATS did not take the event at position {0}: {1}")]
    Refused(i64, String),
    #[error("the outbox cannot be read or written")]
    Db(#[from] madang_db::Error),
    #[error("{0}: {1}; delete the stream if this database is the right one")]
    Alarm(&'static str, String),
}

/// The task beside the relay.
pub(crate) struct Publisher {
    db: Db,
    nats: Nats,
    names: Names,
    ids: Arc<dyn Ids>,
    shutdown: Shutdown,
    last: watch::Receiver<i64>,
    turn: Turn,
    place: Option<Place>,
    saved: Place,
    saved_at: Instant,
    gauges: Gauges,
}

impl Publisher {
    pub(crate) fn new(
        (db, turn): (&Db, Turn),
        nats: &Nats,
        platform: &Platform,
        last: watch::Receiver<i64>,
    ) -> Self {
        let gauges = Gauges::new(platform, last.clone());
        Self {
            db: db.clone(),
            nats: nats.clone(),
            names: Names::new(platform.service.name),
            ids: Arc::clone(&platform.ids),
            shutdown: platform.shutdown.clone(),
            last,
            turn,
            place: None,
            saved: Place::default(),
            saved_at: Instant::now(),
            gauges,
        }
    }

    pub(crate) async fn run(mut self) {
        let (shutdown, gauges) = (self.shutdown.clone(), self.gauges.clone());
        tokio::select! {
            () = shutdown.begun() => {}
            () = gauges.follow() => {}
            () = self.publish_for_ever() => {}
        }
        if let Err(error) = self.save().await {
            tracing::debug!(error = chain(&error), "the publisher's place is not written down");
        }
    }

    async fn publish_for_ever(&mut self) {
        let ids = Arc::clone(&self.ids);
        let mut backoff = Backoff::new(&ids, PAUSE);
        loop {
            self.turn.begun().await;
            self.nats.connected().await;
            let (lost, turn) = (self.nats.lost(), self.turn.clone());
            let trouble = tokio::select! {
                () = lost => Trouble::Lost,
                () = turn.ended() => Trouble::Overtaken,
                trouble = self.session(&mut backoff) => trouble,
            };
            let error = chain(&trouble);
            match trouble {
                Trouble::Lost => continue,
                Trouble::Alarm(alarm, _) => {
                    if self.gauges.raise(alarm) {
                        tracing::error!(alarm, error, "the publisher stopped; events go by the feed");
                    }
                    tokio::time::sleep(RECHECK).await;
                    continue;
                }
                // Another replica publishes: this one stands by.
                Trouble::Overtaken => tracing::debug!(error, "the publisher looks again"),
                Trouble::Stream(_) | Trouble::Refused(..) | Trouble::Db(_) if backoff.is_fresh() => {
                    tracing::warn!(error, "publishing stopped; it is tried again");
                }
                Trouble::Stream(_) | Trouble::Refused(..) | Trouble::Db(_) => {
                    tracing::debug!(error, "publishing is still not possible");
                }
            }
            backoff.pause().await;
        }
    }

    /// Publishes until there is trouble.
    async fn session(&mut self, backoff: &mut Backoff) -> Trouble {
        match self.publish(backoff).await {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        }
    }

    async fn publish(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Trouble> {
        let stream = stream::find_or_make(&self.nats, &self.names).await?;
        let mut place = self.find_place(&stream).await?;
        let context = self.nats.publishing();
        self.gauges.go_on();
        loop {
            self.stand_at(place);
            self.wait_for_more(place.position).await?;
            let events = self.read(&mut place).await?;
            let sent = self.send(&context, &events, &mut place).await;
            self.stand_at(place);
            sent?;
            backoff.reset();
            if self.saved_at.elapsed() >= SAVE {
                self.save().await?;
            }
        }
    }

    /// Where to go on: after what the stream has, never blindly.
    async fn find_place(&mut self, stream: &Stream<Info>) -> Result<Place, Trouble> {
        self.saved = self.db.read(place::load).await?;
        let before = self.place.unwrap_or(self.saved);
        let sequence = stream.cached_info().state.last_sequence;
        let newest = place::newest(stream, before).await?;
        if let Some(newest) = newest {
            let known = self.db.read(move |tx| place::compare(tx, newest.mark)).await?;
            known.map_err(|(alarm, cause)| Trouble::Alarm(alarm, cause))?;
        }
        let found = newest.map_or(0, |newest| newest.mark.position);
        // It ends as it was left, only aged; or what we published last is there, behind what others repeated.
        let left = before.sequence > 0 && before.sequence == sequence && newest.is_none();
        let ours = left || (before.position > found && before.is_in(stream).await?);
        let pruned = self.db.read(|tx| log::bounds(tx).map(|bounds| bounds.pruned)).await?;
        let position = match newest {
            _ if ours => before.position,
            Some(newest) => newest.mark.position,
            None => pruned,
        };
        Ok(Place { position, sequence })
    }

    /// Waits for a position after this one; in the meantime the place is written down.
    async fn wait_for_more(&mut self, position: i64) -> Result<(), Trouble> {
        let mut last = self.last.clone();
        loop {
            let unsaved = self.place.is_some_and(|place| place != self.saved);
            tokio::select! {
                () = beyond(&mut last, position) => return Ok(()),
                () = tokio::time::sleep_until(self.saved_at + SAVE), if unsaved => {}
            }
            self.save().await?;
        }
    }

    async fn read(&self, place: &mut Place) -> Result<Vec<Event>, Trouble> {
        let after = place.position;
        match self.db.read(move |tx| log::after(tx, after)).await {
            Ok(events) => Ok(events),
            Err(ReadError::BehindRetention(pruned)) => {
                tracing::warn!(
                    from = after,
                    to = pruned,
                    "events were pruned before they were in the stream"
                );
                place.position = pruned;
                Ok(Vec::new())
            }
            Err(ReadError::AheadOfProducer(last)) => {
                Err(Trouble::Alarm(STREAM_AHEAD_OF_PRODUCER, format!("the last position given is {last}")))
            }
            Err(ReadError::Db(error)) => Err(error.into()),
        }
    }

    /// Sends a window, then waits for all its acknowledgements; the place follows them.
    async fn send(&self, context: &Context, events: &[Event], place: &mut Place) -> Result<(), Trouble> {
        let mut acks = Vec::with_capacity(events.len());
        for (event, after) in events.iter().zip(place.sequence..) {
            acks.push(self.send_one(context, event, after).await?);
        }
        for (event, ack) in events.iter().zip(acks) {
            let expected = place.sequence + 1;
            match ack.await {
                Ok(ack) if ack.sequence == expected => {
                    *place = Place { position: event.position, sequence: expected };
                    madang_crash::point(|| "nats/publish/after");
                }
                // The server knows its id from a time that the stream does not show any more.
                Ok(_) => return Err(Trouble::Refused(event.position, "it counts as a repeat".to_owned())),
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                    return Err(Trouble::Overtaken);
                }
                Err(error) => return Err(Trouble::Refused(event.position, chain(&error))),
            }
        }
        Ok(())
    }

    async fn send_one(
        &self,
        context: &Context,
        event: &Event,
        after: u64,
    ) -> Result<PublishAckFuture, Trouble> {
        let subject = self.names.subject(event);
        madang_crash::point(|| "nats/publish/before");
        let mut sent = context.send_publish(subject.clone(), self.names.message(event, after)).await;
        if sent.as_ref().is_err_and(|error| error.kind() == PublishErrorKind::MaxPayloadExceeded) {
            sent = context.send_publish(subject, self.names.stub(event, after)).await;
        }
        sent.map_err(|error| Trouble::Refused(event.position, chain(&error)))
    }

    fn stand_at(&mut self, place: Place) {
        self.place = Some(place);
        self.gauges.stand_at(place.position);
    }

    async fn save(&mut self) -> Result<(), madang_db::Error> {
        let (from, Some(to)) = (self.saved, self.place) else { return Ok(()) };
        self.saved_at = Instant::now();
        if from != to {
            self.saved = self.db.write(Kind::Relay, move |tx| place::save(tx, from, to)).await?;
        }
        Ok(())
    }
}

/// Waits for a position after this one.
async fn beyond(last: &mut watch::Receiver<i64>, position: i64) {
    let ended = last.wait_for(|last| *last > position).await.is_err();
    if ended {
        // The relay ended, so the process does.
        std::future::pending::<()>().await;
    }
}
