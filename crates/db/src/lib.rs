//! One synchronous transaction interface over a service's own database.
//!
//! A transaction is a closure over [`Tx`]. It is `Fn`, and may run more than once: ids, time and
//! randomness are passed in. [`Db::write`] answers after COMMIT, never before; [`Db::read`] sees one
//! consistent snapshot.
//!
//! ```text
//!   task --write--> bounded queue --> writer thread: BEGIN IMMEDIATE
//!   task --write-->                     SAVEPOINT closure RELEASE      an error or a panic rolls
//!   task --write-->                     SAVEPOINT closure ROLLBACK TO  back its own closure alone
//!        <--answers, after COMMIT----   COMMIT
//!   task --read--> bounded queue --> two reader threads, one snapshot for each closure
//! ```
//!
//! Invariants, each held by a test:
//! - No answer, not even an error, leaves before COMMIT returned.
//! - A group ends at 512 closures or 5 ms of work; it never waits for more closures.
//! - When the group's transaction is gone, or COMMIT fails, every member gets [`Error::Unavailable`]:
//!   what became of its work is unknown.
//! - A closure that ignored a failed statement fails: PostgreSQL would have lost its work.
//! - The lock on `<file>.lock` is the lease: one process uses a file at a time, and kill -9 frees it.
//!
//! On PostgreSQL a closure is a transaction of its own, on one of up to 16 connections:
//!
//! ```text
//!   task --write--> bounded queue --> connection threads: BEGIN (READ COMMITTED) closure COMMIT
//!   task --read-->                                        a lone statement; for a second one, all again:
//!                                                         BEGIN (one snapshot, READ ONLY) closure ROLLBACK
//!   raise, after COMMIT: --> notifying thread: NOTIFY, one per 50 ms --> listening threads of the replicas
//! ```
//!
//! - A conflict, a deadlock, or a lost connection undoes the closure and runs it again, within bounds.
//! - What [`Tx::send_one`] sends need not wait for its answer; where it fails, all is undone, and the closure runs once more.
//! - Outside of a transaction the session only reads: a write never takes effect where its BEGIN did not.
//! - A lost answer to COMMIT runs it again too, committed or not: **a closure begins with its look-up**.
//! - A transaction waits 3 s for a lock and works 10 s in a statement; the URL's `options` may say other.
//! - A server that is gone is waited for 5 s; what comes then is refused at once until it is back.
//! - A server that stands still is waited for 3 s longer than it gives a statement itself.
//! - A server that cannot be reached yet is waited for when it is opened, for [`Config::wait`].
//! - TLS, where [`Config::ca`] or the URL's `sslmode` asks for it, is checked, for every connection.
//!
//! SQL is written once for both databases: placeholders are `$1`, `$2`…, types are BIGINT, TEXT and
//! BYTEA. An integer is BIGINT whatever stands beside it, and what sums BIGINT is cast back to it. TEXT is
//! compared by its bytes, as
//! SQLite does: a PostgreSQL database that was not created with `ENCODING 'UTF8' LC_COLLATE 'C'` is refused.

mod config;
mod db;
mod error;
#[cfg(feature = "sim")]
mod inline;
mod job;
mod lead;
mod migrations;
mod observer;
mod postgres;
mod sqlite;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod value;

pub use config::{Config, Database, Synchronous};
pub use db::Db;
pub use error::{Cause, Error, OpenError};
pub use lead::{Lead, Term};
pub use migrations::Migrations;
pub use observer::{Observed, Observer};
pub use stats::{Kind, Meter, Spread, Stats};
pub use tx::{Dialect, Tx};
pub use value::{FromValue, Row, Value};
