/// A time in milliseconds, with three figures or so: `0.42 ms`, `12.3 ms`, `1234 ms`; from 10 s on in seconds.
/// It is given in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "three figures are told")]
pub fn duration(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds as f64 / 1e6;
    match milliseconds {
        0.0..9.995 => format!("{milliseconds:.2} ms"),
        9.995..99.95 => format!("{milliseconds:.1} ms"),
        99.95..9999.5 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_about_three_figures() {
        let told = [0, 4_200, 420_000, 9_996_000, 12_340_000, 999_400_000, 12_345_000_000].map(duration);
        assert_eq!(told, ["0.00 ms", "0.00 ms", "0.42 ms", "10.0 ms", "12.3 ms", "999 ms", "12.3 s"]);
    }
}
