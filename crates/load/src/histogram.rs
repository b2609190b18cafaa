use std::time::Duration;

use serde::{Serialize, Serializer};

/// Durations from 1 µs to an hour, each to a thousandth of itself, or to a hundredth as buckets of a time series have it. What is shorter or longer counts as the shortest or longest.
#[derive(Debug, Clone)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

/// What is told of a histogram in a report. Times in µs.
#[derive(Debug, Serialize)]
struct Summary {
    count: u64,
    mean_us: f64,
    min_us: u64,
    p50_us: u64,
    p90_us: u64,
    p95_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

const LONGEST_US: u64 = 3_600_000_000;

impl Histogram {
    /// Without a duration yet.
    pub fn new() -> Self {
        Self::of_digits(3)
    }

    /// The same, to a hundredth: it has a tenth of the steps, so it is read and cleared ten times as fast.
    pub(crate) fn coarse() -> Self {
        Self::of_digits(2)
    }

    fn of_digits(digits: u8) -> Self {
        let made = hdrhistogram::Histogram::new_with_bounds(1, LONGEST_US, digits);
        Self(made.expect("the bounds of the histogram are right"))
    }

    /// Counts one.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(micros(duration));
    }

    /// Counts all of another one.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds; a coarse one counts as the finer one has it.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "{added:?}");
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// How many of them are at least so long, to a thousandth.
    pub fn count_at_least(&self, duration: Duration) -> u64 {
        self.0.count_between(micros(duration), u64::MAX)
    }

    /// So long at most were the shortest of them, by share: 0.99 is the 99th percentile. 0 where there is none.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.quantile_us(share))
    }

    /// The longest, to a thousandth; 0 where there is none.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us())
    }

    pub(crate) fn quantile_us(&self, share: f64) -> u64 {
        // The upper end of the step would be longer than the longest that was.
        self.0.value_at_quantile(share).min(self.max_us())
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.0.max()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = |share| self.quantile_us(share);
        let min_us = if self.0.is_empty() { 0 } else { self.0.min() };
        let summary = Summary {
            count: self.count(),
            mean_us: self.0.mean(),
            min_us,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.max_us(),
        };
        summary.serialize(serializer)
    }
}

/// Whole microseconds, at least one.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        milliseconds.into_iter().for_each(|ms| histogram.record(Duration::from_millis(ms)));
        histogram
    }

    #[track_caller]
    fn near(told: Duration, milliseconds: u64) {
        let (told, exact) = (told.as_secs_f64() * 1e3, milliseconds as f64);
        assert!((told / exact - 1.0).abs() <= 0.001, "{told} is not {exact} to a thousandth");
    }

    #[test]
    fn percentiles_of_a_known_sample_are_right_to_a_thousandth() {
        let histogram = of(1..=10_000);
        for (share, ms) in [(0.5, 5_000), (0.9, 9_000), (0.95, 9_500), (0.99, 9_900), (0.999, 9_990)] {
            near(histogram.quantile(share), ms);
        }
        near(histogram.max(), 10_000);
        assert_eq!(histogram.count(), 10_000);
        let slow = histogram.count_at_least(Duration::from_millis(9_000)) as f64;
        assert!((slow - 1_001.0).abs() <= 9.0, "{slow}");
    }

    #[test]
    fn no_percentile_is_longer_than_the_longest() {
        let histogram = of([1_234_567]);
        assert!(histogram.quantile(1.0) <= histogram.max());
    }

    #[test]
    fn merged_histograms_are_that_of_all_their_durations() {
        let mut merged = of((1..=1_000).step_by(2));
        merged.merge(&of((2..=1_000).step_by(2)));
        let all = of(1..=1_000);
        let told = |histogram: &Histogram| serde_json::to_value(histogram).unwrap();
        assert_eq!(told(&merged), told(&all));
    }

    #[test]
    fn an_empty_one_has_zeros_and_the_extremes_are_bounded() {
        let mut histogram = Histogram::new();
        assert_eq!((histogram.quantile(0.99), histogram.max()), (Duration::ZERO, Duration::ZERO));
        assert_eq!(serde_json::to_value(&histogram).unwrap()["min_us"], 0);
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.count(), 2);
        histogram.clear();
        assert_eq!(histogram.count(), 0);
    }
}
