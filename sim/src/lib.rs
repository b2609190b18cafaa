//! The whole shop in one thread, from a seed: the services on db's inline executor, on turmoil's hosts, clocks and network.
//!
//! ```text
//! seed ──> wishes: what customers order and cancel      ┐
//!      ──> plan: crashes, partitions, steps of clocks   ├─> run: steps of 10 ms ─> heal ─> rest ─> audit
//!      ──> carrier, feed, courier: calls, answers and   │        │
//!          messages late, lost, repeated, swapped       ┘        └─> trace: one hash of all that happened
//! ```
//!
//! `count` runs it undisturbed and without turmoil, for a counter of instructions.
//!
//! Invariant: the same program and seed give the same trace. Time, ids and chance come from the seed; a process runs one seed
//! and has a `getrandom` that stands still (`still.c`), from which hash maps and `select!` take theirs.
//!
//! Invariant: what an audit reads was written by the services' own code; a [`Control`] takes a mechanism away from outside.

mod audit;
mod books;
mod carrier;
mod controls;
mod count;
mod courier;
mod customers;
mod feed;
mod host;
mod plan;
mod random;
mod run;
mod trace;
mod witness;

pub use controls::Control;
pub use count::{Count, count};
pub use random::Random;
pub use run::{Outcome, run};
pub use trace::Trace;
