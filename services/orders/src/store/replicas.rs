//! The replicas' beats, and what they take over, in SQL.

use madang_db::{Error, Tx, params};
use uuid::Uuid;

/// A replica's beat as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The replica, or a process that drives open orders and has no row.
    pub replica: Uuid,
    /// How often it beat; none where it has no row.
    pub beats: Option<i64>,
}

impl Beat {
    /// Whether the replica said that it ends.
    pub fn has_left(self) -> bool {
        self.beats == Some(LEFT)
    }
}

const LEFT: i64 = -1;
/// Replicas that are looked at.
const MOST: i64 = 1_000;

/// Counts this replica's beat up, from 1, also where others took its row away.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn beat(tx: &mut Tx<'_>, replica: Uuid) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO orders_replicas (replica_id, beats) VALUES ($1, 1) \
                       ON CONFLICT (replica_id) DO UPDATE SET beats = orders_replicas.beats + 1";
    tx.execute(SQL, &params![replica]).map(drop)
}

/// Says that this replica ends, so that nobody waits for its beat.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn leave(tx: &mut Tx<'_>, replica: Uuid) -> Result<(), Error> {
    const SQL: &str = "UPDATE orders_replicas SET beats = $2 WHERE replica_id = $1";
    tx.execute(SQL, &params![replica, LEFT]).map(drop)
}

/// The beats of all other replicas, and of processes that drive open orders and have no row.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn others(tx: &mut Tx<'_>, replica: Uuid) -> Result<Vec<Beat>, Error> {
    const SQL: &str = concat!(
        "SELECT replica_id, beats FROM orders_replicas WHERE replica_id <> $1 \
         UNION ALL \
         SELECT owner, CAST(NULL AS BIGINT) FROM (SELECT DISTINCT owner FROM orders WHERE ",
        is_open!(),
        ") AS drivers WHERE owner <> $1 AND owner NOT IN (SELECT replica_id FROM orders_replicas) LIMIT $2"
    );
    let rows = tx.query(SQL, &params![replica, MOST])?;
    rows.iter().map(|row| Ok(Beat { replica: row.get(0)?, beats: row.get(1)? })).collect()
}

/// Makes `replica` the driver of all open orders of another, if that has not beaten since; tells how many. A driver that had
/// one loses its guarded updates.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn take_over(tx: &mut Tx<'_>, replica: Uuid, from: Beat) -> Result<u64, Error> {
    const GONE: &str = "DELETE FROM orders_replicas WHERE replica_id = $1 AND beats = $2";
    const BACK: &str = "SELECT beats FROM orders_replicas WHERE replica_id = $1";
    const TAKE: &str =
        concat!("UPDATE orders SET owner = $1, version = version + 1 WHERE owner = $2 AND ", is_open!());
    let stands_still = match from.beats {
        Some(beats) => tx.execute(GONE, &params![from.replica, beats])? == 1,
        None => tx.query_opt(BACK, &params![from.replica])?.is_none(),
    };
    if stands_still { tx.execute(TAKE, &params![replica, from.replica]) } else { Ok(0) }
}
