use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Chance from a seed; clones draw from the same sequence.
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<u64>>);

impl Random {
    /// The sequence of a seed, for one use: each use has its own, so that one more draw here changes nothing there.
    pub fn new(seed: u64, what: &str) -> Self {
        let mixed = what.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte)));
        Self(Arc::new(Mutex::new(mixed)))
    }

    /// Any number.
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(*state)
    }

    /// A number below the bound.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// An index of a list that is not empty.
    pub fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// Whether something happens that happens so often in a hundred.
    pub fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// A time in between, in milliseconds.
    pub fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to.saturating_sub(from).max(1)))
    }

    /// One of these, each as often as its weight says.
    pub fn weighted<T: Copy>(&self, of: &[(u64, T)]) -> Option<T> {
        let mut drawn = self.below(of.iter().map(|(weight, _)| weight).sum());
        of.iter().find_map(|(weight, one)| {
            let taken = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            taken.then_some(*one)
        })
    }
}

/// SplitMix64.
fn mix(state: u64) -> u64 {
    let mut bits = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_for_each_use() {
        let draw = |seed, what| Random::new(seed, what).next();
        assert_eq!(draw(7, "calls"), draw(7, "calls"));
        assert_ne!(draw(7, "calls"), draw(7, "plan"));
        assert_ne!(draw(7, "calls"), draw(8, "calls"));
    }

    #[test]
    fn weights_are_kept() {
        let random = Random::new(1, "weights");
        let often = (0..1000).filter(|_| random.weighted(&[(9, true), (1, false)]) == Some(true)).count();
        assert!((850..950).contains(&often), "{often}");
    }
}
