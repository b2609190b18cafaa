//! Chance from a seed that is printed, so that a run can be repeated as far as a machine repeats itself.

use std::hash::{BuildHasher, RandomState};

/// Names the seed of a run; any otherwise.
const VARIABLE: &str = "MADANG_TEST_SEED";

/// The seed of this run.
pub fn seed() -> u64 {
    let named = std::env::var(VARIABLE).ok().and_then(|seed| seed.parse().ok());
    // Keyed anew in each process.
    named.unwrap_or_else(|| RandomState::new().hash_one(VARIABLE) % 1_000_000)
}

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of a seed: each number names another one.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound that is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether it happens, by percent.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    ///
    /// # Panics
    /// Where there are none.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = self.below(u64::try_from(items.len()).unwrap_or(u64::MAX));
        &items[usize::try_from(index).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_and_its_streams_differ() {
        let draw = |stream| -> Vec<u64> {
            let mut random = Random::new(7, stream);
            (0..8).map(|_| random.below(1_000)).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
