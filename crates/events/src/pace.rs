use std::time::Duration;

use tokio::time::Instant;

/// A commit takes a quarter of the time at most: a database that is slow, as it has much to do, gets fewer, each with more in it.
const SHARE: u32 = 4;
/// But none is put off for longer than this because of the one before.
const LONGEST: Duration = Duration::from_secs(1);

/// How often is committed what nobody waits for: at once after a pause, and else so often at most, for more at a time. A commit
/// costs a sync, however much is in it, so the last fifth of the time is spent on looking for another one's to share.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Duration,
    /// When the next commit begins at the latest, where there is something to commit.
    due: Instant,
}

impl Pace {
    /// The first commit is due at once.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, due: Instant::now() }
    }

    /// From when on the next commit may be another one's.
    pub(crate) fn ready(&self) -> Instant {
        self.due.checked_sub(self.every / 5).unwrap_or(self.due)
    }

    /// When the next commit is due, at the earliest now.
    pub(crate) fn begin(&mut self) -> Instant {
        self.due = self.due.max(Instant::now());
        self.due
    }

    /// It was committed, when it was due or before.
    pub(crate) fn end(&mut self) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.due);
        self.due = self.due.min(now) + self.every.max((took * SHARE).min(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const EVERY: Duration = Duration::from_millis(50);
    const FIFTH: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_a_commit_is_due_at_once() {
        let mut pace = Pace::new(EVERY);
        assert!(pace.ready() <= Instant::now());
        assert_eq!(pace.begin(), Instant::now());
        pace.end();
        advance(EVERY * 3).await;
        assert!(pace.ready() <= Instant::now());
        assert_eq!(pace.begin(), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_is_due_so_long_after_one_began_and_ready_a_fifth_before() {
        let mut pace = Pace::new(EVERY);
        let began = pace.begin();
        advance(FIFTH).await;
        pace.end();
        assert_eq!((pace.ready(), pace.begin()), (began + EVERY - FIFTH, began + EVERY));
    }

    #[tokio::test(start_paused = true)]
    async fn after_one_that_took_long_the_next_is_due_later_and_in_a_second_at_most() {
        for (took, next) in [(12, 50), (13, 52), (100, 400), (250, 1_000), (900, 1_000)] {
            let mut pace = Pace::new(EVERY);
            let began = pace.begin();
            advance(Duration::from_millis(took)).await;
            pace.end();
            assert_eq!(pace.begin() - began, Duration::from_millis(next), "{took} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_shared_before_it_was_due_counts_from_then() {
        let mut pace = Pace::new(EVERY);
        pace.begin();
        pace.end();
        advance(EVERY - FIFTH).await;
        pace.begin();
        let shared = Instant::now();
        pace.end();
        assert_eq!(pace.begin(), shared + EVERY);
    }
}
