//! Facts that leave a service and reach others exactly once in effect: the outbox, its relay and feed; cursors, dead letters.
//!
//! ```text
//!   producer's database                                      consumer's database
//!   one transaction:                                         one transaction, up to 256 events:
//!     guarded update of the aggregate                          cursor: compare-and-set
//!     publish() -> events_outbox                               Handler::apply() for each event
//!        | raise                                                 failed for good -> events_dead_letters, its key blocked
//!        v                                                       of a blocked key -> parked behind it
//!     relay: stamps gapless positions (SQLite: with the insert)      ^
//!        | watch                                                    |
//!        v                                                          |
//!     feed: Subscribe(after_position)  ------ Source ------>   one task for each producer
//!        | stamped rows                         ^
//!        v                                      |
//!     publisher --> NATS JetStream, a copy -----+             only with a `Transport` that has it
//! ```
//!
//! Invariants, each held by a test:
//! - An event is published if and only if its transaction committed; positions start at 1 and have no gaps.
//! - A position at or below the cursor is a duplicate and skipped; a gap is never applied, but read again from the feed.
//! - The cursor and the effects of a batch commit together, so each event takes effect once, and those of one key in order.
//! - A dead letter blocks its key and no other; what is parked behind it is never pruned, and redrive applies all or nothing.
//! - An event is given up by an operator's word alone, one at a time, and kept with the reason.
//! - The stream at NATS may lack, repeat and swap messages, be away or be wiped: it changes neither effects nor their order.
//! - A consumer that cannot go on (older than the retention, ahead of its producer) says so by name and does not guess.

mod backoff;
mod consumer;
mod event;
mod handler;
mod meters;
mod outbox;
mod pace;
pub mod requests;
mod source;
mod status;
mod traces;
mod transport;
mod wiring;

pub use consumer::{Consumers, ConsumersConfig, Cursors, DeadLetters, Subscription};
pub use event::{Event, NewEvent};
pub use handler::{Failure, Handler, Outcome};
pub use meters::measure;
pub use outbox::{Feed, Outbox, OutboxConfig, publish};
pub use source::{Batches, FeedSource, Source, SourceError};
pub use status::database_status;
pub use transport::{NatsSource, NatsUrl, Transport, TransportArgs, TransportError, Via};
pub use wiring::{Events, EventsArgs, RetentionArgs};

/// Events in one transaction, one message of the feed and one stamping at most.
pub const BATCH: usize = 256;

/// How often the relay and consumers commit at most while there is always something to commit.
pub const GATHER: std::time::Duration = std::time::Duration::from_millis(50);

/// The rows of the log before the reader's position were pruned: an ErrorInfo reason, and a cursor's alarm.
pub const CURSOR_BEHIND_RETENTION: &str = "CURSOR_BEHIND_RETENTION";
/// The reader's position was never given: an ErrorInfo reason, and a cursor's alarm.
pub const CURSOR_AHEAD_OF_PRODUCER: &str = "CURSOR_AHEAD_OF_PRODUCER";
/// No dead letter has this id: an ErrorInfo reason.
pub const DEAD_LETTER_NOT_FOUND: &str = "DEAD_LETTER_NOT_FOUND";
/// The event waits behind a dead letter of its key: an ErrorInfo reason.
pub const DEAD_LETTER_PARKED: &str = "DEAD_LETTER_PARKED";
/// The dead letter, or an event parked behind it, failed again: an ErrorInfo reason.
pub const REDRIVE_FAILED: &str = "REDRIVE_FAILED";

/// The tables of this crate: outbox, relay, cursors, dead letters, requests. They have a history table of their own.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "events_schema_history", runner: embedded::migrations::runner() }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}
