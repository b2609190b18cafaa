//! What is said of a few noisy numbers.

/// The middle one; of an even number the mean of the two in the middle. NaN of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

/// The bounds that hold the true median with 95 %, by ranks: of n samples as many are below it as n coins show heads, however the
/// samples are distributed. NaN of none.
pub(crate) fn bounds(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    // Two standard deviations of the heads of n coins are the root of n.
    let (half, off) = (values.len() / 2, values.len().isqrt());
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(half.saturating_sub(off)), at((half + off).min(values.len().saturating_sub(1))))
}

/// The least and the most; NaN of none.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let start = (f64::NAN, f64::NAN);
    values.into_iter().fold(start, |(least, most), value| (value.min(least), value.max(most)))
}

/// A count, where it is fewer than a float counts exactly.
#[expect(clippy::cast_precision_loss, reason = "fewer than a float counts exactly")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median([3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5_f64.to_bits());
        assert_eq!(median([5.0, 1e9]).to_bits(), (5e8_f64 + 2.5).to_bits());
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_bounds_are_the_root_of_n_from_the_middle() {
        assert_eq!(bounds((0..100).rev().map(f64::from)), (40.0, 60.0));
        assert_eq!(bounds([2.0, 1.0]), (1.0, 2.0));
        assert!(bounds([]).0.is_nan());
    }

    #[test]
    fn the_spread_is_from_the_least_to_the_most() {
        assert_eq!(spread([2.0, 1.0, 3.0]), (1.0, 3.0));
        assert!(spread([]).0.is_nan());
    }
}
