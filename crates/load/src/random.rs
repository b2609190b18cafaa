/// SplitMix64: small, and the same for ever, so that a seed means the same in every version.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of a seed: each number names another one.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(seed).wrapping_add(mixed(stream.wrapping_add(0x5851_f42d_4c95_7f2d))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// From 0 to below 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        fraction(self.next())
    }
}

/// The upper 53 bits of a number as a fraction of 1, below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
pub(crate) fn fraction(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// Spreads a number over all bits.
pub(crate) fn mixed(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_and_its_streams_differ() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
        assert_ne!(draw(7, 0), draw(8, 0));
    }

    #[test]
    fn fractions_fill_the_range_below_1() {
        let mut random = Random::new(1, 0);
        let drawn: Vec<f64> = (0..10_000).map(|_| random.fraction()).collect();
        assert!(drawn.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = drawn.iter().sum::<f64>() / 10_000.0;
        // Its standard error is 0.0029.
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
    }
}
