use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// Who lived so long starts from the first pause again.
const HEALTHY: Duration = Duration::from_secs(60);

/// The pauses before a service that keeps dying is started again: each twice the one before, up to half a minute.
#[derive(Debug, Clone)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The pause for a process that died after it had lived so long.
    pub fn pause(&mut self, lived: Duration) -> Duration {
        let pause = if lived >= HEALTHY { FIRST } else { self.0 };
        self.0 = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.pause(Duration::ZERO).as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn who_lived_long_is_started_soon_again() {
        let mut backoff = Backoff::default();
        backoff.pause(Duration::ZERO);
        backoff.pause(Duration::ZERO);
        assert_eq!(backoff.pause(HEALTHY), FIRST);
    }
}
