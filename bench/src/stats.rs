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
    fn the_spread_is_from_the_least_to_the_most() {
        assert_eq!(spread([2.0, 1.0, 3.0]), (1.0, 3.0));
        assert!(spread([]).0.is_nan());
    }
}
