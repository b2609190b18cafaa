//! Deadlines in headers.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::{HEADER, TIMEOUT};

/// Set by Envoy: 1 for the first try.
const ATTEMPTS: &str = "x-envoy-attempt-count";

/// A header that should hold a time-out and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads `grpc-timeout`: one to eight digits and a unit.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let (unit, digits) = value.as_bytes().split_last().ok_or(Malformed)?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let count = digits.iter().fold(0_u64, |count, digit| count * 10 + u64::from(digit - b'0'));
    let timeout = match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return Err(Malformed),
    };
    Ok(Some(timeout))
}

/// Writes `grpc-timeout`, rounded down to the finest unit of which eight digits hold it.
pub(crate) fn set_timeout(headers: &mut HeaderMap, timeout: Duration) {
    const MOST: u128 = 99_999_999;
    let units = [(timeout.as_nanos(), 'n'), (timeout.as_micros(), 'u'), (timeout.as_millis(), 'm')];
    let whole = (u128::from(timeout.as_secs()).min(MOST), 'S');
    let (count, unit) = units.into_iter().find(|(count, _)| *count <= MOST).unwrap_or(whole);
    if let Ok(value) = HeaderValue::try_from(format!("{count}{unit}")) {
        headers.insert(TIMEOUT, value);
    }
}

/// What remains until the absolute deadline of a retried call; none for a first try.
pub(crate) fn remaining_of_retry(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
    if number(ATTEMPTS)? <= 1 {
        return None;
    }
    let left = number(HEADER.as_str())?.saturating_sub(now.as_millisecond());
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// Writes the absolute deadline.
pub(crate) fn set_absolute(headers: &mut HeaderMap, now: Timestamp, remaining: Duration) {
    let remaining = i64::try_from(remaining.as_millis()).unwrap_or(i64::MAX);
    headers.insert(HEADER, HeaderValue::from(now.as_millisecond().saturating_add(remaining)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Duration>, Malformed> {
        timeout(&HeaderMap::from_iter([(TIMEOUT, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn a_timeout_is_read_as_the_protocol_says() {
        assert_eq!(read("5S"), Ok(Some(Duration::from_secs(5))));
        assert_eq!(read("99999999H"), Ok(Some(Duration::from_secs(99_999_999 * 3600))));
        assert_eq!(read("250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(read("0n"), Ok(Some(Duration::ZERO)));
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
        for bad in ["", "S", "5", "5s", "-5S", "5.5S", "123456789S", "５S"] {
            let value = HeaderValue::from_bytes(bad.as_bytes()).unwrap();
            assert_eq!(timeout(&HeaderMap::from_iter([(TIMEOUT, value)])), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn a_timeout_is_written_rounded_down_and_read_back() {
        let cases = [
            (Duration::from_nanos(99_999_999), Duration::from_nanos(99_999_999)),
            (Duration::new(5, 999), Duration::from_secs(5)),
            (Duration::from_micros(100_000_001), Duration::from_millis(100_000)),
            (Duration::from_secs(200_000), Duration::from_secs(200_000)),
            (Duration::MAX, Duration::from_secs(99_999_999)),
        ];
        for (given, expected) in cases {
            let mut headers = HeaderMap::new();
            set_timeout(&mut headers, given);
            assert_eq!(timeout(&headers), Ok(Some(expected)));
        }
    }

    #[test]
    fn the_absolute_deadline_counts_on_a_retry_only() {
        let now = Timestamp::from_second(1000).unwrap();
        let mut headers = HeaderMap::new();
        set_absolute(&mut headers, now, Duration::from_secs(2));
        let later = Timestamp::from_second(1001).unwrap();
        assert_eq!(remaining_of_retry(&headers, later), None);
        headers.insert(ATTEMPTS, HeaderValue::from_static("1"));
        assert_eq!(remaining_of_retry(&headers, later), None);
        headers.insert(ATTEMPTS, HeaderValue::from_static("2"));
        assert_eq!(remaining_of_retry(&headers, later), Some(Duration::from_secs(1)));
        let much_later = Timestamp::from_second(1009).unwrap();
        assert_eq!(remaining_of_retry(&headers, much_later), Some(Duration::ZERO));
    }
}
