//! How far the log is published, as the database keeps it.

use async_nats::jetstream::stream::{Info, Stream};
use madang_db::{Error, Tx, params};

use super::{STREAM_AHEAD_OF_PRODUCER, STREAM_OF_ANOTHER_LOG};
use crate::outbox::log;
use crate::transport::stream::{self, Entry, StreamError};
use crate::transport::wire::Mark;

/// So many messages at the stream's end may be repeats or strangers without misleading the publisher.
const LOOK_BACK: u64 = 256;

/// The last position that is in the stream, and where the stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: i64,
    pub(super) sequence: u64,
}

impl Place {
    /// Whether the stream still has the event of this place.
    pub(super) async fn is_in(self, stream: &Stream<Info>) -> Result<bool, StreamError> {
        let state = &stream.cached_info().state;
        if !(state.first_sequence.max(1)..=state.last_sequence).contains(&self.sequence) {
            return Ok(false);
        }
        let entry = stream::at(stream, self.sequence).await?;
        Ok(entry.is_some_and(|entry| entry.mark.position == self.position))
    }

    /// Whether a message is where it would be if nothing but the log had been published since.
    fn leads_to(self, entry: &Entry) -> bool {
        let events = entry.mark.position.checked_sub(self.position).and_then(|more| u64::try_from(more).ok());
        events.is_some() && events == entry.sequence.checked_sub(self.sequence)
    }
}

/// The newest event at the stream's end, which mostly is its last message.
pub(super) async fn newest(stream: &Stream<Info>, before: Place) -> Result<Option<Entry>, StreamError> {
    let state = &stream.cached_info().state;
    if state.messages == 0 {
        return Ok(None);
    }
    let oldest = state.first_sequence.max(state.last_sequence.saturating_sub(LOOK_BACK));
    let mut newest: Option<Entry> = None;
    for sequence in (oldest..=state.last_sequence).rev() {
        let Some(entry) = stream::at(stream, sequence).await? else { continue };
        if newest.is_none() && before.leads_to(&entry) {
            return Ok(Some(entry));
        }
        if newest.is_none_or(|newest| newest.mark.position < entry.mark.position) {
            newest = Some(entry);
        }
    }
    Ok(newest)
}

pub(super) fn load(tx: &mut Tx<'_>) -> Result<Place, Error> {
    let row = tx.query_opt("SELECT position, sequence FROM events_publisher WHERE id = 1", &[])?;
    let row = row.ok_or_else(|| Error::Sql("the row of events_publisher is missing".into()))?;
    Ok(Place { position: row.get(0)?, sequence: row.get::<i64>(1)?.unsigned_abs() })
}

/// Writes the place down if it still is what it was; gives what is written then. Another replica may be the one that
/// publishes: its word is as good.
pub(super) fn save(tx: &mut Tx<'_>, from: Place, to: Place) -> Result<Place, Error> {
    let stored = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
    let moved = tx.execute(
        "UPDATE events_publisher SET position = $3, sequence = $4
         WHERE id = 1 AND position = $1 AND sequence = $2",
        &params![from.position, stored(from.sequence), to.position, stored(to.sequence)],
    )?;
    if moved == 1 { Ok(to) } else { load(tx) }
}

/// Whether the stream's last event is one of this log; if not, the alarm and its cause. One that was pruned passes.
pub(super) fn compare(tx: &mut Tx<'_>, mark: Mark) -> Result<Result<(), (&'static str, String)>, Error> {
    let last = log::bounds(tx)?.last;
    if mark.position > last {
        let cause = format!("the stream ends at {}, the log at {last}", mark.position);
        return Ok(Err((STREAM_AHEAD_OF_PRODUCER, cause)));
    }
    Ok(match log::id_at(tx, mark.position)? {
        Some(id) if id != mark.id => {
            let cause =
                format!("position {} is {} in the stream and {id} in the log", mark.position, mark.id);
            Err((STREAM_OF_ANOTHER_LOG, cause))
        }
        Some(_) | None => Ok(()),
    })
}
