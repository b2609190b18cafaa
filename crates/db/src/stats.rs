use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

mod tally;

pub use tally::Spread;

use tally::{Durations, Sizes};

use crate::Observer;

/// What a closure that writes is for; it labels the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A step on an order's happy path.
    OrderPath,
    /// Any other call of a client.
    Request,
    /// The effects of an event.
    FollowUp,
    /// The relay's stamping of outbox rows.
    Relay,
    /// A consumer's cursor.
    Cursor,
    /// A replica's beat and takeover. On PostgreSQL it goes before all that waits, and no full queue refuses it: a replica that has
    /// much to do is there, and must not seem to be gone.
    Lease,
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::OrderPath, Self::Request, Self::FollowUp, Self::Relay, Self::Cursor, Self::Lease];

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderPath => "order-path",
            Self::Request => "request",
            Self::FollowUp => "follow-up",
            Self::Relay => "relay",
            Self::Cursor => "cursor",
            Self::Lease => "lease",
        }
    }

    /// Whether it goes before all others that wait for a connection.
    pub(crate) fn goes_first(self) -> bool {
        self == Self::Lease
    }

    /// Where the process may die around a COMMIT: `before` it, or `after` it and before any answer.
    pub(crate) fn crash_point(self, side: &str) {
        madang_crash::point(|| format!("commit/{}/{side}", self.as_str()));
    }
}

/// Counts since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    committed: [u64; Kind::ALL.len()],
    /// Groups that were committed; on PostgreSQL a closure is a group.
    pub groups: u64,
    /// Committed groups in which something was written: these cost a sync each.
    pub written_groups: u64,
    /// Groups whose every member got [`crate::Error::Unavailable`].
    pub failed_groups: u64,
    /// Closures that ended in an error or a panic, and were rolled back alone.
    pub rolled_back: u64,
    /// Times a closure was run again: after a conflict, or on PostgreSQL a deadlock or a lost connection.
    pub reruns: u64,
    /// Times no answer to a COMMIT came, so that its closure was run again (PostgreSQL).
    pub lost_commits: u64,
    /// Closures that read, whatever their end.
    pub reads: u64,
    /// Calls refused because a queue was full, or work had waited in it for long.
    pub overloaded: u64,
}

impl Stats {
    /// Closures of this kind that succeeded in a committed group.
    pub fn committed(&self, kind: Kind) -> u64 {
        self.committed[kind as usize]
    }

    pub(crate) fn count_committed(&mut self, kind: Kind) {
        self.committed[kind as usize] += 1;
    }
}

/// Reads the counts of a database; it does not keep the database open.
#[derive(Clone, Debug)]
pub struct Meter(pub(crate) Arc<Board>);

impl Meter {
    /// The counts so far.
    pub fn read(&self) -> Stats {
        *self.0.stats()
    }

    /// How long transactions that wrote for this purpose took, or with none those that read, from the call to its answer, in
    /// seconds. One whose caller gave up is not among them.
    pub fn transactions(&self, kind: Option<Kind>) -> Spread {
        self.0.took(kind).read()
    }

    /// How long COMMIT took where something was written, with its sync, in seconds.
    pub fn commits(&self) -> Spread {
        self.0.commits.read()
    }

    /// How many closures the committed groups had; on PostgreSQL a closure is a group.
    pub fn group_sizes(&self) -> Spread {
        self.0.group_sizes.read()
    }

    /// How many closures wait for a thread: those that write, and those that read.
    pub fn queued(&self) -> (u64, u64) {
        (self.0.writes_queued.get(), self.0.reads_queued.get())
    }
}

/// What the executor tells the rest of the process.
#[derive(Debug, Default)]
pub(crate) struct Board {
    stats: Mutex<Stats>,
    pub(crate) raised: watch::Sender<u64>,
    pub(crate) observer: OnceLock<Arc<dyn Observer>>,
    writes: [Durations; Kind::ALL.len()],
    reads: Durations,
    pub(crate) commits: Durations,
    pub(crate) group_sizes: Sizes,
    writes_queued: Queued,
    reads_queued: Queued,
}

impl Board {
    /// Counts a transaction, by the time from its call to its answer.
    pub(crate) fn time(&self, kind: Option<Kind>, took: Duration) {
        self.took(kind).add(took);
    }

    /// The queue of closures that write, or of those that read.
    pub(crate) fn queued(&self, writes: bool) -> &Queued {
        if writes { &self.writes_queued } else { &self.reads_queued }
    }

    fn took(&self, kind: Option<Kind>) -> &Durations {
        kind.map_or(&self.reads, |kind| &self.writes[kind as usize])
    }
    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many wait.
#[derive(Debug, Default)]
pub(crate) struct Queued(AtomicU64);

impl Queued {
    /// One comes, before it can be taken.
    pub(crate) fn comes(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One was taken, or turned away.
    pub(crate) fn goes(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
