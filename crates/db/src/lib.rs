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
//! SQL is written once for both databases: placeholders are `$1`, `$2`…, types are BIGINT, TEXT and
//! BYTEA. This build has SQLite; PostgreSQL answers [`OpenError::NotInThisBuild`].

mod config;
mod db;
mod error;
#[cfg(feature = "sim")]
mod inline;
mod job;
mod migrations;
mod sqlite;
mod stats;
mod tx;
mod value;

pub use config::{Config, Database, Synchronous};
pub use db::Db;
pub use error::{Cause, Error, OpenError};
pub use migrations::Migrations;
pub use stats::{Kind, Stats};
pub use tx::{Dialect, Tx};
pub use value::{FromValue, Row, Value};
