//! Clients' request_ids: which write each one named, and what that made, so that a repeat answers the same resource.
//!
//! ```text
//!   check()  before any call to another service    None: go on    Some(resource): read it and answer
//!   keep()   in the transaction that makes the resource
//! ```

use std::time::Duration;

use jiff::Timestamp;
use madang_chassis::Platform;
use madang_db::{Db, Kind, Tx, params};
use madang_types::RequestId;
use sha2::{Digest, Sha256};

/// How long a request_id is known, as the API says.
pub const RETENTION: Duration = Duration::from_hours(7 * 24);

const PRUNE_ROWS: i64 = 256;

/// Why a write cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request_id named another write before: ALREADY_EXISTS REQUEST_ID_REUSED.
    #[error("the request_id was used before with other content")]
    Reused,
    /// The database failed.
    #[error("the request could not be looked up")]
    Db(#[from] madang_db::Error),
}

/// What a client asked for, as digests: one for each version of the list of fields that this build knows.
///
/// Give every version that may still be stored, oldest first. A field that was added to the API is a new version, so that a
/// repeat from before the upgrade is compared by what it had.
///
/// ```
/// use madang_events::requests::Fingerprint;
///
/// let (product, quantity) = ("celadon-tea-cup", 2_u32);
/// let fingerprint = Fingerprint::new(1, &[product.as_bytes(), &quantity.to_be_bytes()]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<(u32, [u8; 32])>);

/// A write that a client named.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The RPC; each has request_ids of its own.
    pub rpc: &'static str,
    /// The client's name for the write.
    pub id: RequestId,
    /// What it asked for.
    pub fingerprint: &'a Fingerprint,
}

impl Fingerprint {
    /// The first version, of the fields that the client set (never derived ones), in a fixed order.
    pub fn new(version: u32, fields: &[&[u8]]) -> Self {
        Self(Vec::new()).and(version, fields)
    }

    /// A further version, newer than those before.
    #[must_use]
    pub fn and(mut self, version: u32, fields: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            // The length keeps "ab","c" from being "a","bc".
            hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(field);
        }
        self.0.push((version, hash.finalize().into()));
        self
    }

    /// An unknown version counts as equal: it is from a newer build, which cannot be judged by this one.
    fn agrees(&self, version: u32, digest: &[u8]) -> bool {
        self.0.iter().find(|(known, _)| *known == version).is_none_or(|(_, own)| own == digest)
    }
}

/// The key of the resource that the first of this write's calls made; none where this is the first.
///
/// # Errors
/// [`Error::Reused`], [`Error::Db`].
pub fn check(tx: &mut Tx<'_>, request: &Request<'_>) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT fingerprint_version, fingerprint, resource FROM events_requests
               WHERE rpc = $1 AND request_id = $2";
    let Some(row) = tx.query_opt(sql, &params![request.rpc, request.id.uuid()])? else { return Ok(None) };
    let (version, digest) = (row.get(0)?, row.get::<Vec<u8>>(1)?);
    if request.fingerprint.agrees(version, &digest) { Ok(Some(row.get(2)?)) } else { Err(Error::Reused) }
}

/// Remembers a write by the key of what it made, in the transaction that makes it.
///
/// # Errors
/// [`madang_db::Error::Conflict`] where a call with this request_id was first: the closure runs again and finds it by its
/// own [`check`].
pub fn keep(
    tx: &mut Tx<'_>,
    request: &Request<'_>,
    resource: &[u8],
    at: Timestamp,
) -> Result<(), madang_db::Error> {
    let (version, digest) = request.fingerprint.0.last().copied().unwrap_or_default();
    tx.send_one(
        "INSERT INTO events_requests (rpc, request_id, fingerprint_version, fingerprint, resource, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rpc, request_id) DO NOTHING",
        &params![request.rpc, request.id.uuid(), version, &digest[..], resource, at.as_microsecond()],
    )
}

/// Forgets requests from before this time, 256 at most; tells how many.
///
/// # Errors
/// Those of the database.
pub fn prune(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, madang_db::Error> {
    tx.execute(
        "DELETE FROM events_requests WHERE (rpc, request_id) IN
           (SELECT rpc, request_id FROM events_requests WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        &params![before.as_microsecond(), PRUNE_ROWS],
    )
}

/// Prunes in the background, until the shutdown, what is older than `retention`: again after `every`.
pub fn start_pruning(db: &Db, platform: &Platform, retention: Duration, every: Duration) {
    let (db, clock, shutdown) = (db.clone(), platform.clock.clone(), platform.shutdown.clone());
    let prune = async move {
        loop {
            let before = clock.now().saturating_sub(retention).unwrap_or(Timestamp::MIN);
            match db.write(Kind::Request, move |tx| prune(tx, before)).await {
                Ok(rows) if rows >= PRUNE_ROWS.unsigned_abs() => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "old requests could not be pruned"),
            }
            tokio::time::sleep(every).await;
        }
    };
    platform.tasks.spawn("requests-pruning", async move {
        tokio::select! {
            () = shutdown.begun() => {}
            () = prune => {}
        }
    });
}
