use std::time::Duration;

/// Growing pauses between tries, with jitter, so that many waiters do not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// Pauses that double from `first` to `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { next: first.min(most), most }
    }

    /// The next pause: between half and all of its full length, as `fraction` (0 to below 1) says.
    pub fn pause(&mut self, fraction: f64) -> Duration {
        let full = self.next;
        self.next = full.saturating_mul(2).min(self.most);
        full.mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<_> = (0..4).map(|_| backoff.pause(1.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
    }

    #[test]
    fn jitter_takes_at_most_half() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        assert_eq!(backoff.pause(0.0), Duration::from_millis(50));
    }
}
