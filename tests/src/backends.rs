//! What a shop runs on: where its data is, what carries its events, and servers that a test may kill.

mod nats;
mod postgres;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

pub use nats::Nats;
pub use postgres::Postgres;

/// Names what shops run on in this run: `sqlite-feed`, `sqlite-nats`, `postgres-feed` or `postgres-nats`.
const VARIABLE: &str = "MADANG_TEST_BACKENDS";

/// Where a shop keeps its data, and what carries its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backends {
    /// Where the data is.
    pub database: Database,
    /// What carries events.
    pub carrier: Carrier,
}

/// Where the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file for each service.
    Sqlite,
    /// A database for each service on the server at MADANG_TEST_POSTGRES.
    Postgres,
    /// The same on a server of the shop's own, which the test may kill.
    OwnPostgres,
}

/// What carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The producers' feeds alone.
    Feed,
    /// A nats-server of the shop's own, since streams are named after producers; the test may kill it.
    Nats,
}

impl Backends {
    /// What `make test` runs on: nothing but files.
    pub const LOCAL: Self = Self { database: Database::Sqlite, carrier: Carrier::Feed };

    /// What MADANG_TEST_BACKENDS names; [`Self::LOCAL`] where it is not set.
    ///
    /// # Errors
    /// Where it names something else.
    pub fn of_this_run() -> Result<Self> {
        std::env::var(VARIABLE).map_or(Ok(Self::LOCAL), |named| named.parse())
    }
}

impl FromStr for Backends {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let (database, carrier) = name.split_once('-').unwrap_or((name, ""));
        let database = match database {
            "sqlite" => Database::Sqlite,
            "postgres" => Database::Postgres,
            _ => bail!("{VARIABLE} names no database that is known: {name:?}"),
        };
        let carrier = match carrier {
            "feed" => Carrier::Feed,
            "nats" => Carrier::Nats,
            _ => bail!("{VARIABLE} names no carrier that is known: {name:?}"),
        };
        Ok(Self { database, carrier })
    }
}

/// Says that a test is skipped and why, past the capture of its output.
pub fn skipped(test: &str, why: &str) {
    let _written = writeln!(std::io::stderr(), "skipped: {test}: {why}").is_ok();
}

/// `tools/backends`, which knows where the servers' programs are, and installs what is missing.
fn tool() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/backends"))
}

/// The path that `tools/backends` prints for this subcommand.
fn told(subcommand: &str) -> Result<PathBuf> {
    let output = tool().arg(subcommand).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tools/backends {subcommand}: {stderr}");
    Ok(String::from_utf8(output.stdout).context("a path that is no text")?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_named_in_one_word() {
        assert_eq!("sqlite-feed".parse::<Backends>().unwrap(), Backends::LOCAL);
        let named = "postgres-nats".parse::<Backends>().unwrap();
        assert_eq!(named, Backends { database: Database::Postgres, carrier: Carrier::Nats });
        for wrong in ["", "postgres", "nats-postgres", "mysql-feed", "sqlite-kafka"] {
            assert!(wrong.parse::<Backends>().is_err(), "{wrong}");
        }
    }
}
