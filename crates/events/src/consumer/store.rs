//! The SQL of cursors and dead letters.

pub(super) mod discards;

use madang_db::{Error, Row, Tx, Value, params};
use uuid::Uuid;

use crate::{BATCH, Event};

/// An event that could not be applied, or waits behind such.
#[derive(Debug, Clone)]
pub(super) struct DeadLetter {
    pub(super) producer: String,
    pub(super) event: Event,
    pub(super) reason: String,
    pub(super) detail: String,
    pub(super) attempts: i32,
    pub(super) parked: bool,
}

/// How far one producer's log was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) producer: String,
    pub(super) position: i64,
    pub(super) dead_letters: i64,
    pub(super) parked: i64,
}

/// The cursor; 0 before the first event.
pub(super) fn cursor(tx: &mut Tx<'_>, producer: &str) -> Result<i64, Error> {
    let sql = "SELECT position FROM events_cursors WHERE producer = $1";
    tx.query_opt(sql, &params![producer])?.map_or(Ok(0), |row| row.get(0))
}

/// Makes the cursor's row where there is none.
pub(super) fn make_cursor(tx: &mut Tx<'_>, producer: &str) -> Result<(), Error> {
    let sql =
        "INSERT INTO events_cursors (producer, position) VALUES ($1, 0) ON CONFLICT (producer) DO NOTHING";
    tx.execute(sql, &params![producer]).map(drop)
}

/// The event at the cursor; none before the first.
pub(super) fn last_applied(tx: &mut Tx<'_>, producer: &str) -> Result<Option<Uuid>, Error> {
    let sql = "SELECT event_id FROM events_cursors WHERE producer = $1";
    tx.query_opt(sql, &params![producer])?.map_or(Ok(None), |row| row.get(0))
}

/// Moves the cursor to an event if it still stands where it was read; else another replica was first, and the closure runs
/// again.
pub(super) fn move_cursor(tx: &mut Tx<'_>, producer: &str, from: i64, to: &Event) -> Result<(), Error> {
    let sql = "UPDATE events_cursors SET position = $3, event_id = $4 WHERE producer = $1 AND position = $2";
    tx.send_one(sql, &params![producer, from, to.position, to.id])
}

/// Holds the cursor where it is until the transaction ends, so that no event is parked meanwhile.
pub(super) fn hold_cursor(tx: &mut Tx<'_>, producer: &str) -> Result<(), Error> {
    let sql = "UPDATE events_cursors SET position = position WHERE producer = $1";
    tx.execute(sql, &params![producer]).map(drop)
}

pub(super) fn standings(tx: &mut Tx<'_>) -> Result<Vec<Standing>, Error> {
    let rows = tx.query(
        "SELECT c.producer, c.position, COUNT(CASE WHEN d.parked = 0 THEN 1 END),
                COUNT(CASE WHEN d.parked = 1 THEN 1 END)
         FROM events_cursors c LEFT JOIN events_dead_letters d ON d.producer = c.producer
         GROUP BY c.producer, c.position ORDER BY c.producer",
        &[],
    )?;
    let standing = |row: &Row| {
        Ok(Standing {
            producer: row.get(0)?,
            position: row.get(1)?,
            dead_letters: row.get(2)?,
            parked: row.get(3)?,
        })
    };
    rows.iter().map(standing).collect()
}

/// Whether any key of the producer is blocked.
pub(super) fn any_blocked(tx: &mut Tx<'_>, producer: &str) -> Result<bool, Error> {
    let sql = "SELECT position FROM events_dead_letters WHERE producer = $1 LIMIT 1";
    Ok(tx.query_opt(sql, &params![producer])?.is_some())
}

/// Whether an event of the key waits already.
pub(super) fn is_blocked(tx: &mut Tx<'_>, producer: &str, key: &str) -> Result<bool, Error> {
    let sql = "SELECT position FROM events_dead_letters WHERE producer = $1 AND event_key = $2 LIMIT 1";
    Ok(tx.query_opt(sql, &params![producer, key])?.is_some())
}

pub(super) fn insert(tx: &mut Tx<'_>, letter: &DeadLetter) -> Result<(), Error> {
    let mut values = letter.event.columns().to_vec();
    values.extend(params![&letter.producer, &letter.reason, &letter.detail, letter.attempts, letter.parked]);
    tx.execute_one(
        "INSERT INTO events_dead_letters (position, event_id, event_key, kind, payload, occurred_at, traceparent,
                                          producer, reason, detail, attempts, parked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &values,
    )
}

/// The page of dead letters that follows a place, by producer and position.
pub(super) fn list(tx: &mut Tx<'_>, after: &(String, i64), limit: i64) -> Result<Vec<DeadLetter>, Error> {
    let sql = "SELECT position, event_id, event_key, kind, payload, occurred_at, traceparent,
                      producer, reason, detail, attempts, parked
               FROM events_dead_letters WHERE (producer, position) > ($1, $2)
               ORDER BY producer, position LIMIT $3";
    read(tx, sql, &params![&after.0, after.1, limit])
}

/// The dead letter with this id, the event's; the first of a producer that used it twice.
pub(super) fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<DeadLetter>, Error> {
    let sql = "SELECT position, event_id, event_key, kind, payload, occurred_at, traceparent,
                      producer, reason, detail, attempts, parked
               FROM events_dead_letters WHERE event_id = $1 ORDER BY producer, position LIMIT 1";
    Ok(read(tx, sql, &params![id])?.into_iter().next())
}

/// The next events of the letter's key from a position on, in order.
pub(super) fn of_key(tx: &mut Tx<'_>, letter: &DeadLetter, from: i64) -> Result<Vec<DeadLetter>, Error> {
    let sql = "SELECT position, event_id, event_key, kind, payload, occurred_at, traceparent,
                      producer, reason, detail, attempts, parked
               FROM events_dead_letters WHERE producer = $1 AND event_key = $2 AND position >= $3
               ORDER BY position LIMIT $4";
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    read(tx, sql, &params![&letter.producer, &letter.event.key, from, limit])
}

/// Deletes the events of the letter's key before a position.
pub(super) fn delete_key(tx: &mut Tx<'_>, letter: &DeadLetter, before: i64) -> Result<(), Error> {
    let sql = "DELETE FROM events_dead_letters WHERE producer = $1 AND event_key = $2 AND position < $3";
    tx.execute(sql, &params![&letter.producer, &letter.event.key, before]).map(drop)
}

/// Makes a parked event the dead letter of its key.
pub(super) fn block(tx: &mut Tx<'_>, parked: &DeadLetter, reason: &str, detail: &str) -> Result<(), Error> {
    let sql = "UPDATE events_dead_letters SET parked = 0, attempts = 1, reason = $3, detail = $4
               WHERE producer = $1 AND position = $2 AND parked = 1";
    tx.execute_one(sql, &params![&parked.producer, parked.event.position, reason, detail])
}

/// Counts a failed redrive of a dead letter, where it is still there.
pub(super) fn count_attempt(tx: &mut Tx<'_>, id: Uuid, reason: &str, detail: &str) -> Result<(), Error> {
    let sql = "UPDATE events_dead_letters SET attempts = attempts + 1, reason = $2, detail = $3
               WHERE event_id = $1 AND parked = 0";
    tx.execute(sql, &params![id, reason, detail]).map(drop)
}

fn read(tx: &mut Tx<'_>, sql: &'static str, values: &[Value]) -> Result<Vec<DeadLetter>, Error> {
    let letter = |row: &Row| {
        Ok(DeadLetter {
            event: Event::from_row(row, 0)?,
            producer: row.get(7)?,
            reason: row.get(8)?,
            detail: row.get(9)?,
            attempts: row.get(10)?,
            parked: row.get(11)?,
        })
    };
    tx.query(sql, values)?.iter().map(letter).collect()
}
