use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use madang_types::Clock;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// No time that a clock tells.
const NONE: i64 = i64::MIN;

/// A gauge of how old something is when it is shown, in seconds; 0 where there is nothing. So it grows without anybody who
/// measures. Clones are the same.
#[derive(Clone, Debug)]
pub struct Age {
    /// Microseconds since 1970.
    since: Arc<AtomicI64>,
    clock: Arc<dyn Clock>,
}

impl Age {
    /// Of nothing yet.
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { since: Arc::new(AtomicI64::new(NONE)), clock: Arc::clone(clock) }
    }

    /// Tells when it began.
    pub fn set(&self, since: Option<Timestamp>) {
        self.since.store(since.map_or(NONE, Timestamp::as_microsecond), Ordering::Relaxed);
    }

    /// Tells that it begins now, unless it began before.
    pub fn begin(&self) {
        let now = self.clock.now().as_microsecond();
        // Where it began before, that stands.
        let _before = self.since.compare_exchange(NONE, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// How old it is, in seconds.
    pub fn seconds(&self) -> f64 {
        match self.since.load(Ordering::Relaxed) {
            NONE => 0.0,
            since => Timestamp::from_microsecond(since)
                .map_or(0.0, |since| self.clock.now().duration_since(since).as_secs_f64().max(0.0)),
        }
    }
}

impl EncodeMetric for Age {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.seconds())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::TestClock;

    #[test]
    fn an_age_grows_with_the_clock_until_there_is_nothing() {
        let hands = TestClock::new();
        let clock: Arc<dyn Clock> = Arc::new(hands.clone());
        let age = Age::new(&clock);
        assert_eq!(age.seconds(), 0.0);
        age.begin();
        hands.advance(Duration::from_millis(1500));
        age.begin();
        assert_eq!(age.seconds(), 1.5, "it began before");
        age.set(Some(clock.now()));
        hands.step_back(Duration::from_secs(9));
        assert_eq!(age.seconds(), 0.0, "a clock that steps back makes no age negative");
        age.set(None);
        hands.advance(Duration::from_secs(60));
        assert_eq!(age.seconds(), 0.0);
    }
}
