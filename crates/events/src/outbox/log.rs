//! The SQL of the producer's log.

use jiff::Timestamp;
use madang_db::{Dialect, Error, Tx, params};
use uuid::Uuid;

use crate::{BATCH, Event, NewEvent};

/// Unstamped rows are counted up to this many.
const COUNTED: i64 = 100_000;
/// Payload bytes in one message of the feed, unless its first event alone has more. A gRPC message has 4 MiB.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// Where the log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The last position given.
    pub(crate) last: i64,
    /// The last position pruned.
    pub(crate) pruned: i64,
}

/// What a stamping left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamped {
    /// The last position given.
    pub(crate) last: i64,
    /// How many rows wait still.
    pub(crate) waiting: i64,
    /// Since when the first of them waits.
    pub(crate) oldest: Option<Timestamp>,
}

/// Why the events after a position cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the events up to {0} are gone")]
    BehindRetention(i64),
    #[error("the last position given is {0}")]
    AheadOfProducer(i64),
    #[error("the log cannot be read")]
    Db(#[from] Error),
}

/// A statement over the rows that wait for their position, for either database. They are taken by the index that has them alone,
/// in order: left to itself SQLite takes that of positions, and sorts all that wait each time.
macro_rules! waiting {
    ($tx:expr, $before:literal, $after:literal) => {
        match $tx.dialect() {
            Dialect::Sqlite => {
                concat!(
                    $before,
                    "events_outbox INDEXED BY events_outbox_unstamped WHERE position IS NULL",
                    $after
                )
            }
            Dialect::Postgres => concat!($before, "events_outbox WHERE position IS NULL", $after),
        }
    };
}

/// Writes an event into the log. On SQLite it has its position with that: there is one writer, so the order of inserts is that
/// of commits, and what is rolled back takes its position back with it. On PostgreSQL the relay gives it after the commit.
pub(crate) fn insert(tx: &mut Tx<'_>, event: &NewEvent) -> Result<(), Error> {
    let at = event.occur_time.as_microsecond();
    let (id, key, kind) = (event.id, &event.key, &event.kind);
    let (payload, traceparent) = (&event.payload[..], &event.traceparent);
    if tx.dialect() == Dialect::Postgres {
        return tx.send_one(
            "INSERT INTO events_outbox (event_id, event_key, kind, payload, occurred_at, traceparent)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &params![id, key, kind, payload, at, traceparent],
        );
    }
    // An effect happens when its cause did, which may be long ago: the row stays for its time from now on.
    let stamp = tx.time().map_or(at, Timestamp::as_microsecond);
    // What another implementation left without a position comes first: then this one waits for the relay as well.
    let is_stamped = tx.execute(
        "UPDATE events_relay SET position = position + 1
         WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM events_outbox WHERE position IS NULL)",
        &[],
    )?;
    tx.execute_one(
        "INSERT INTO events_outbox (position, stamped_at, event_id, event_key, kind, payload, occurred_at, traceparent)
         VALUES ((SELECT position FROM events_relay WHERE id = 1 AND $7 = 1), CASE WHEN $7 = 1 THEN $8 END,
                 $1, $2, $3, $4, $5, $6)",
        &params![id, key, kind, payload, at, traceparent, i64::from(is_stamped == 1), stamp],
    )
}

pub(crate) fn bounds(tx: &mut Tx<'_>) -> Result<Bounds, Error> {
    read_bounds(tx, "SELECT position, pruned FROM events_relay WHERE id = 1")
}

/// One relay at a time, also where several replicas run: the lock goes with the transaction. SQLite has one process.
fn bounds_to_change(tx: &mut Tx<'_>) -> Result<Bounds, Error> {
    let locks = "SELECT position, pruned FROM events_relay WHERE id = 1 FOR UPDATE";
    if tx.dialect() == Dialect::Postgres { read_bounds(tx, locks) } else { bounds(tx) }
}

fn read_bounds(tx: &mut Tx<'_>, sql: &'static str) -> Result<Bounds, Error> {
    let row = tx.query_opt(sql, &[])?;
    let row = row.ok_or_else(|| Error::Sql("the row of events_relay is missing".into()))?;
    Ok(Bounds { last: row.get(0)?, pruned: row.get(1)? })
}

pub(crate) fn unstamped(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let sql = waiting!(tx, "SELECT COUNT(*) FROM (SELECT 1 FROM ", " LIMIT $1) AS waiting");
    tx.query_opt(sql, &params![COUNTED])?.map_or(Ok(0), |row| row.get(0))
}

/// When the first row without a position was written, by its event.
fn oldest(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Error> {
    let sql = waiting!(tx, "SELECT occurred_at FROM ", " ORDER BY seq LIMIT 1");
    let at = tx.query_opt(sql, &[])?.map(|row| row.get(0)).transpose()?;
    Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
}

/// Gives the next positions to the rows that are visible, in the order of `seq`.
pub(crate) fn stamp(tx: &mut Tx<'_>, now: Timestamp) -> Result<Stamped, Error> {
    let waiting = unstamped(tx)?;
    if waiting == 0 {
        return Ok(Stamped { last: bounds(tx)?.last, waiting, oldest: None });
    }
    let last = bounds_to_change(tx)?.last;
    let sql = waiting!(
        tx,
        "UPDATE events_outbox AS o SET position = n.place, stamped_at = $2
         FROM (SELECT seq, $1 + ROW_NUMBER() OVER (ORDER BY seq) AS place
               FROM (SELECT seq FROM ",
        " ORDER BY seq LIMIT $3) AS w) AS n
         WHERE o.seq = n.seq"
    );
    let stamped = tx.execute(sql, &params![last, now.as_microsecond(), rows(BATCH)])?;
    if tx.dialect() == Dialect::Postgres {
        // The other replicas' feeds wait for it.
        tx.raise();
    }
    let stamped = i64::try_from(stamped).unwrap_or(i64::MAX);
    let moved = last.saturating_add(stamped);
    tx.execute_one(
        "UPDATE events_relay SET position = $2 WHERE id = 1 AND position = $1",
        &params![last, moved],
    )?;
    let waiting = waiting.saturating_sub(stamped);
    let oldest = if waiting > 0 { oldest(tx)? } else { None };
    Ok(Stamped { last: moved, waiting, oldest })
}

/// The next events after a position, one message's worth; none where the log ends there.
pub(crate) fn after(tx: &mut Tx<'_>, position: i64) -> Result<Vec<Event>, ReadError> {
    let found = tx.query(
        "SELECT position, event_id, event_key, kind, payload, occurred_at, traceparent FROM events_outbox
         WHERE position > $1 ORDER BY position LIMIT $2",
        &params![position, rows(BATCH)],
    )?;
    let mut events = Vec::with_capacity(found.len());
    let mut bytes = 0_usize;
    for row in &found {
        let event = Event::from_row(row, 0)?;
        bytes = bytes.saturating_add(event.payload.len());
        if bytes > MESSAGE_BYTES && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    if events.first().is_some_and(|first| first.position == position.saturating_add(1)) {
        return Ok(events);
    }
    // Read after the rows: on PostgreSQL each statement sees a later state than the one before.
    let bounds = bounds(tx)?;
    match events.first() {
        None if position > bounds.last => Err(ReadError::AheadOfProducer(bounds.last)),
        None if position >= bounds.pruned => Ok(events),
        Some(_) | None => Err(ReadError::BehindRetention(bounds.pruned)),
    }
}

/// The id of the event at a position; none where it was pruned or never given.
pub(crate) fn id_at(tx: &mut Tx<'_>, position: i64) -> Result<Option<Uuid>, Error> {
    let sql = "SELECT event_id FROM events_outbox WHERE position = $1";
    tx.query_opt(sql, &params![position])?.map(|row| row.get(0)).transpose()
}

/// Deletes rows that were stamped before this time, from the start of the log and without a hole; tells how many.
pub(crate) fn prune(tx: &mut Tx<'_>, before: Timestamp) -> Result<i64, Error> {
    let pruned = bounds(tx)?.pruned;
    let old = tx.query(
        "SELECT position, stamped_at FROM events_outbox WHERE position > $1 ORDER BY position LIMIT $2",
        &params![pruned, rows(BATCH)],
    )?;
    let mut last = pruned;
    for row in &old {
        // The clock may have stepped back: a younger row ends it, whatever comes behind.
        if row.get::<i64>(1)? >= before.as_microsecond() {
            break;
        }
        last = row.get(0)?;
    }
    if last == pruned {
        return Ok(0);
    }
    tx.execute_one(
        "UPDATE events_relay SET pruned = $2 WHERE id = 1 AND pruned = $1",
        &params![pruned, last],
    )?;
    tx.execute("DELETE FROM events_outbox WHERE position <= $1", &params![last])?;
    Ok(last.saturating_sub(pruned))
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use madang_db::{Config, Db, Kind};

    use super::*;

    fn at(microseconds: i64) -> Timestamp {
        Timestamp::from_microsecond(microseconds).unwrap()
    }

    #[tokio::test]
    async fn rows_that_wait_are_read_in_order_and_not_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::sqlite(folder.path().join("events.db"));
        let db = Db::inline(&config, vec![crate::migrations()], 1).unwrap();
        let plan = |tx: &mut Tx<'_>| {
            let sql = waiting!(tx, "EXPLAIN QUERY PLAN SELECT seq FROM ", " ORDER BY seq LIMIT 256");
            let rows = tx.query(sql, &[])?;
            rows.iter().map(|row| row.get(3)).collect::<Result<Vec<String>, Error>>()
        };
        let plan = db.read(plan).await.unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].contains("events_outbox_unstamped"), "{plan:?}");
    }

    #[tokio::test]
    async fn a_stamping_tells_how_many_wait_still_and_since_when() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::sqlite(folder.path().join("events.db"));
        let db = Db::inline(&config, vec![crate::migrations()], 1).unwrap();
        let publish = |tx: &mut Tx<'_>| {
            (0_u16..300).try_for_each(|n| {
                let payload = madang_api::events::v1::OrderConfirmed::default();
                insert(tx, &NewEvent::new(Uuid::from_u128(n.into()), "a", at(n.into()), &payload))
            })?;
            // As another implementation leaves them.
            tx.execute("UPDATE events_outbox SET position = NULL, stamped_at = NULL", &[])?;
            tx.execute_one("UPDATE events_relay SET position = 0", &[])
        };
        db.write::<_, Error, _>(Kind::Request, publish).await.unwrap();
        let stamp = async || db.write::<_, Error, _>(Kind::Relay, |tx| stamp(tx, at(1_000))).await.unwrap();
        assert_eq!(stamp().await, Stamped { last: 256, waiting: 44, oldest: Some(at(256)) });
        assert_eq!(stamp().await, Stamped { last: 300, waiting: 0, oldest: None });
    }

    #[tokio::test]
    async fn on_sqlite_an_event_has_its_position_at_once_unless_one_before_it_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::inline(&Config::sqlite(folder.path().join("events.db")), vec![crate::migrations()], 1)
            .unwrap();
        let publish = async |n: u128| {
            let payload = madang_api::events::v1::OrderConfirmed::default();
            let event = NewEvent::new(Uuid::from_u128(n), "a", at(7), &payload);
            let insert = move |tx: &mut Tx<'_>| {
                if n == 2 {
                    tx.tell_time(at(8));
                }
                insert(tx, &event)
            };
            db.write::<_, Error, _>(Kind::Request, insert).await.unwrap();
        };
        let change = async |sql| {
            db.write::<_, Error, _>(Kind::Request, move |tx| tx.execute(sql, &[])).await.unwrap();
        };
        let rows = async || {
            let sql = "SELECT position, stamped_at FROM events_outbox ORDER BY seq";
            let read = move |tx: &mut Tx<'_>| {
                tx.query(sql, &[])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
            };
            let rows: Vec<(Option<i64>, Option<i64>)> = db.read::<_, Error, _>(read).await.unwrap();
            rows
        };
        publish(1).await;
        publish(2).await;
        assert_eq!(rows().await, [(Some(1), Some(7)), (Some(2), Some(8))], "from when it was written");
        change("UPDATE events_outbox SET position = NULL, stamped_at = NULL WHERE position = 2").await;
        change("UPDATE events_relay SET position = 1").await;
        publish(3).await;
        assert_eq!(rows().await[1..], [(None, None), (None, None)], "it waits behind the one without");
        db.write::<_, Error, _>(Kind::Relay, |tx| stamp(tx, at(9))).await.unwrap();
        publish(4).await;
        let seven_and_nine = [(Some(1), Some(7)), (Some(2), Some(9)), (Some(3), Some(9)), (Some(4), Some(7))];
        assert_eq!(rows().await, seven_and_nine);
    }
}
