use std::sync::Arc;
use std::time::Duration;

use madang_types::Ids;

/// Pauses that double up to a limit, each with jitter, so that many who failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    ids: Arc<dyn Ids>,
    range: (Duration, Duration),
    failures: usize,
}

impl Backoff {
    pub(crate) fn new(ids: &Arc<dyn Ids>, range: (Duration, Duration)) -> Self {
        Self { ids: Arc::clone(ids), range, failures: 0 }
    }

    /// Half to all of the next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let failures = self.failures;
        self.failures = failures.saturating_add(1);
        Self::pause_after(&*self.ids, self.range, failures)
    }

    /// Half to all of the pause that follows so many others.
    pub(crate) fn pause_after(ids: &dyn Ids, range: (Duration, Duration), failures: usize) -> Duration {
        let (first, longest) = range;
        let pause = first.saturating_mul(1_u32 << failures.min(20)).min(longest);
        pause.mul_f64(0.5 + ids.fraction() / 2.0)
    }

    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.next()).await;
    }

    /// Whether there was no pause since the last reset.
    pub(crate) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use madang_chassis::testing::SeededIds;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_with_jitter() {
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1));
        let mut backoff = Backoff::new(&ids, (Duration::from_millis(50), Duration::from_secs(2)));
        for full in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let pause = backoff.next().as_secs_f64() * 1000.0;
            let full = f64::from(full);
            assert!((full / 2.0..=full).contains(&pause), "{pause} of {full}");
        }
        (0..100).for_each(|_| assert!(backoff.next() <= Duration::from_secs(2)));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(50));
    }
}
