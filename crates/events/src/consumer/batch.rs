//! What happens in a transaction with a batch of events, and with an event that is given up.

use std::sync::Arc;

use madang_db::Tx;
use tokio::time::Instant;

use super::store::{self, DeadLetter};
use crate::traces::Taken;
use crate::{Event, Failure, Handler, handler};

/// Events for one commit.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) events: Arc<[Event]>,
    /// When the commit begins at the latest.
    pub(super) due: Instant,
}

/// What a transaction made of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    /// Where the cursor stood before.
    pub(super) from: i64,
    /// Where it stands now.
    pub(super) cursor: i64,
    /// Whether events are left that cannot be applied because one before them is missing.
    pub(super) gap: bool,
}

/// Why a batch was rolled back.
#[derive(Debug)]
pub(super) enum Stop {
    /// The event at this index of the batch failed.
    Failed(usize, Failure),
    /// The transaction failed.
    Db(madang_db::Error),
}

impl From<madang_db::Error> for Stop {
    fn from(error: madang_db::Error) -> Self {
        Self::Db(error)
    }
}

/// Moves the cursor over the events that follow it, and applies them, each as it is `taken`. Nothing is applied across a gap.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    producer: &str,
    (events, taken): (&[Event], &[Taken]),
    handler: &dyn Handler,
) -> Result<Done, Stop> {
    let cursor = store::cursor(tx, producer)?;
    let (next, end, gap) = following(cursor, events);
    let Some(last) = next.last().map(|index| &events[*index]) else {
        return Ok(Done { from: cursor, cursor, gap });
    };
    // The cursor first: on PostgreSQL its row is the lock that keeps a second replica, and a redrive, out until the end.
    store::move_cursor(tx, producer, cursor, last)?;
    let any_blocked = store::any_blocked(tx, producer)?;
    for index in next {
        let event = &events[index];
        if any_blocked && store::is_blocked(tx, producer, &event.key)? {
            store::insert(tx, &parked(producer, event))?;
            continue;
        }
        let outcome = taken[index]
            .enter(|event| handler::apply(handler, tx, event))
            .map_err(|failure| Stop::Failed(index, failure))?;
        tracing::debug!(producer, event.id = %event.id, ?outcome, "a handler applied an event");
    }
    Ok(Done { from: cursor, cursor: end, gap })
}

/// Moves the cursor over an event that is given up, and keeps it as a dead letter.
pub(super) fn bury(
    tx: &mut Tx<'_>,
    producer: &str,
    (event, failure, attempts): (&Event, &Failure, u32),
    handler: &dyn Handler,
) -> Result<Done, Stop> {
    let cursor = store::cursor(tx, producer)?;
    let next = cursor.saturating_add(1);
    if event.position != next {
        // Another replica was first.
        return Ok(Done { from: cursor, cursor, gap: event.position > next });
    }
    store::move_cursor(tx, producer, cursor, event)?;
    let letter = DeadLetter {
        producer: producer.to_owned(),
        event: event.clone(),
        reason: failure.reason().to_owned(),
        detail: failure.detail(),
        attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        parked: false,
    };
    store::insert(tx, &letter)?;
    handler.dead_lettered(tx, event, failure)?;
    Ok(Done { from: cursor, cursor: event.position, gap: false })
}

/// The indices of the events that follow the cursor without a gap, the position of the last of them, and whether others are
/// left behind a gap. What is at or below the cursor is a duplicate.
fn following(cursor: i64, events: &[Event]) -> (Vec<usize>, i64, bool) {
    let (mut end, mut next) = (cursor, Vec::new());
    for (index, event) in events.iter().enumerate() {
        if event.position == end.saturating_add(1) {
            next.push(index);
            end = event.position;
        }
    }
    let gap = events.iter().any(|event| event.position > end);
    (next, end, gap)
}

fn parked(producer: &str, event: &Event) -> DeadLetter {
    DeadLetter {
        producer: producer.to_owned(),
        event: event.clone(),
        reason: String::new(),
        detail: String::new(),
        attempts: 0,
        parked: true,
    }
}
