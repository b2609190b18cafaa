//! SQLite: one writer thread with group commit, two readers, and a file lock as the lease.

mod create;
mod group;
mod lease;
mod open;
mod queue;
mod session;
mod statements;
mod threads;

pub(crate) use group::{Writer, read};
pub(crate) use lease::Lease;
pub(crate) use open::Opened;
pub(crate) use statements::Statements;
pub(crate) use threads::Threads;
