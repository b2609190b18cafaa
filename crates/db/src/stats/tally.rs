use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How values are spread: a histogram as it was when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The sum of all values, in the unit of the bounds.
    pub sum: f64,
    /// Upper bounds, the last of them infinite, each with how many values lie between it and the one before.
    pub buckets: Vec<(f64, u64)>,
}

impl Spread {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

/// Counts values by size, without a lock.
#[derive(Debug)]
pub(crate) struct Tally<const N: usize> {
    bounds: &'static [u64; N],
    counts: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
    /// How many of what is counted make one of what is shown.
    scale: f64,
}

impl<const N: usize> Tally<N> {
    const fn new(bounds: &'static [u64; N], scale: f64) -> Self {
        let counts = [const { AtomicU64::new(0) }; N];
        Self { bounds, counts, beyond: AtomicU64::new(0), sum: AtomicU64::new(0), scale }
    }

    pub(crate) fn add(&self, value: u64) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound);
        let count = bucket.and_then(|bucket| self.counts.get(bucket)).unwrap_or(&self.beyond);
        count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum of nanoseconds is exact for 104 days, and close after"
    )]
    pub(crate) fn read(&self) -> Spread {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.scale);
        let inner = bounds.zip(self.counts.iter().map(load));
        let buckets = inner.chain([(f64::INFINITY, load(&self.beyond))]).collect();
        Spread { sum: load(&self.sum) as f64 / self.scale, buckets }
    }
}

/// In nanoseconds: from below what a sync takes to beyond what a statement may.
const DURATIONS: [u64; 16] = [
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    20_000_000_000,
];

/// Durations, shown in seconds.
#[derive(Debug)]
pub(crate) struct Durations(Tally<16>);

impl Durations {
    pub(crate) fn add(&self, duration: Duration) {
        self.0.add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn read(&self) -> Spread {
        self.0.read()
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(Tally::new(&DURATIONS, 1e9))
    }
}

/// Closures in a group: 512 is the most.
const SIZES: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// How many there are of something.
#[derive(Debug)]
pub(crate) struct Sizes(Tally<10>);

impl Sizes {
    pub(crate) fn add(&self, size: usize) {
        self.0.add(u64::try_from(size).unwrap_or(u64::MAX));
    }

    pub(crate) fn read(&self) -> Spread {
        self.0.read()
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self(Tally::new(&SIZES, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_below_the_first_bound_that_holds_it() {
        let sizes = Sizes::default();
        for size in [1, 2, 3, 512, 513] {
            sizes.add(size);
        }
        let spread = sizes.read();
        let counts: Vec<u64> = spread.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((spread.sum, spread.count()), (1031.0, 5));
    }

    #[test]
    fn durations_are_told_in_seconds() {
        let durations = Durations::default();
        durations.add(Duration::from_millis(1500));
        let spread = durations.read();
        assert_eq!((spread.sum, spread.buckets[14]), (1.5, (5.0, 1)));
    }
}
