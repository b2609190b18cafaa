//! What tries to make the shop lose something or do it twice: repeats, kills, full disks, old backups, clocks that step. Each
//! test ends with the books, and prints what it counted.
//!
//! `make test` runs the short form; `make test-losses` the long one; `make test-backends` runs them on PostgreSQL and NATS.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

mod backups;
mod clocks;
mod closures;
mod disk;
mod kills;
mod races;
mod repeats;
mod retention;
mod servers;
mod synced;

use std::io::Write;

use madang_tests::Backends;

/// Whether this is the long form.
fn is_long() -> bool {
    std::env::var("MADANG_TEST_LOSSES").is_ok_and(|form| form == "long")
}

/// Whether files are what this run is about; a test of theirs alone need not run again beside PostgreSQL.
fn local() -> Result<(), String> {
    let is_local = Backends::of_this_run().unwrap() == Backends::LOCAL;
    is_local.then_some(()).ok_or_else(|| "it is about SQLite's files".to_owned())
}

/// Says what a test counted, past the capture of its output.
fn counted(test: &str, counts: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "counted: {test}: {counts}").unwrap();
}
