//! Publishes the log to the stream, in the order of positions.
//!
//! Every message names the stream's sequence that it has to follow, so a window of messages on their way lands in order or
//! stops at the first that does not: nothing is swapped, skipped or repeated, whoever else publishes, and whatever is sent
//! again. The window slides: of a backlog the next events are read and sent while the first are acknowledged. After any
//! trouble the stream itself tells where to go on.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::{Info, Stream};
use madang_chassis::{Platform, Shutdown, chain};
use madang_db::{Db, Kind};
use madang_types::Ids;
use tokio::sync::watch;
use tokio::time::Instant;

mod gauges;
mod place;
mod window;

use self::gauges::Gauges;
use self::place::Place;
use self::window::Window;
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
        let place = self.find_place(&stream).await?;
        let mut window = Window::new(self.nats.publishing(), &self.names, place);
        self.stand_at(place);
        self.gauges.go_on();
        loop {
            self.wait_for_more(window.head.position).await?;
            let before = window.acknowledged;
            let sent = self.send_more(&mut window).await;
            self.stand_at(window.acknowledged);
            sent?;
            if window.acknowledged != before {
                backoff.reset();
            }
            if self.saved_at.elapsed() >= SAVE {
                self.save().await?;
            }
        }
    }

    /// Sends the next events. Where none follow them, it waits for all acknowledgements.
    async fn send_more(&self, window: &mut Window) -> Result<(), Trouble> {
        for event in &self.read(&mut window.head).await? {
            window.send(event).await?;
        }
        if *self.last.borrow() <= window.head.position { window.acknowledge_all().await } else { Ok(()) }
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
