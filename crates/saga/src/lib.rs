//! Drives sagas to their end: steps forward to the pivot, or undos in reverse. Knows no order, no proto, no SQL.
//!
//! ```text
//!            step 1 -> step 2 -> ... -> pivot          settled (done)
//!  Forward     |          |               |
//!              +- refused +- expired      +- guard lost: somebody else decided, read again
//!              v          v
//!           refuse: one guarded update decides, and only then
//!  Backward    undo n -> ... -> undo 1 -> settle       settled (undone)
//!                          |
//!                          +- refused, or unknown for too long: stuck, or back, as the saga says
//! ```
//!
//! Invariant: nothing is undone before the decision against the saga is committed.
//! Invariant: between steps nothing is saved; a driver that starts anew asks from the first step, so every action and every
//! undo answers a repeat with its present state.
//! Invariant: an outcome that is not known is asked again, never assumed.
//! Invariant: a participant gets so many calls of one process at once, each with all of its time.
//! Invariant: one process drives a saga with one task at a time; a second process that drives it too loses its guarded
//! updates, and its steps are repeats. A driver whose saga another process took over reads it again within a scan, and leaves.

mod backoff;
mod definition;
mod driver;
mod engine;
pub mod recovery;
mod stats;
#[cfg(test)]
mod tests;
mod turns;
mod waiting;

pub use backoff::Backoff;
pub use definition::{
    BoxError, BoxFuture, Call, Direction, Guard, Progress, Saga, Step, StepError, UndoRefused,
};
pub use engine::{Config, Engine, Runtime};
pub use stats::{Repeated, Stats};
pub use waiting::Waiting;
