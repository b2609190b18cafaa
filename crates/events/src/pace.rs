use std::time::Duration;

use tokio::time::Instant;

/// How often is committed what nobody waits for: at once after a pause, and else so often at most, for more at a time. A commit
/// costs a sync, however much is in it.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// The first commit is due at once.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// From when on the next commit may begin.
    pub(crate) fn due(&self) -> Instant {
        self.last.map_or_else(Instant::now, |last| last + self.every)
    }

    /// A commit begins now.
    pub(crate) fn begin(&mut self) {
        self.last = Some(Instant::now());
    }
}
