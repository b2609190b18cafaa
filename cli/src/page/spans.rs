//! A load as the lines of a chart.

use madang_load::{Bucket, Quantile, Series};

use madang_page::axis::Axis;
use madang_page::chart::{Chart, Line};

/// As many points as can be told apart.
const POINTS: usize = 300;

/// Some buckets of a series as one.
#[derive(Debug)]
pub(crate) struct Span {
    /// In seconds since the start.
    pub(crate) at: f64,
    pub(crate) sent: f64,
    pub(crate) done: f64,
    pub(crate) failed: f64,
    pub(crate) not_sent: f64,
    /// The longest median, in ms.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// How long calls took, by share.
#[derive(Debug)]
pub(crate) struct Shares<'a> {
    /// Which calls.
    pub(crate) name: String,
    pub(crate) calls: u64,
    pub(crate) quantiles: &'a [Quantile],
}

impl Span {
    /// The spans of a series, no more of them than can be told apart.
    pub(crate) fn all(series: &Series) -> Vec<Self> {
        let (buckets, length) = (&series.buckets, float(series.interval_ms) / 1_000.0);
        let some = buckets.len().div_ceil(POINTS).max(1);
        buckets.chunks(some).map(|chunk| Self::of(chunk, length)).collect()
    }

    /// Buckets of a length in seconds. Of the percentiles the worst is kept: a mean would hide it.
    fn of(chunk: &[Bucket], length: f64) -> Self {
        let seconds = length * float(chunk.len() as u64);
        let rate = |count: fn(&Bucket) -> u64| float(chunk.iter().map(count).sum()) / seconds;
        let worst =
            |us: fn(&Bucket) -> Option<u64>| chunk.iter().filter_map(us).max().map(|us| float(us) / 1_000.0);
        Self {
            at: chunk.first().map_or(0.0, |bucket| float(bucket.at_ms) / 1_000.0),
            sent: rate(|it| it.sent),
            done: rate(|it| it.done),
            failed: rate(|it| it.failed),
            not_sent: rate(|it| it.not_sent),
            p50: worst(|it| it.p50_us),
            p99: worst(|it| it.p99_us),
            max: worst(|it| it.max_us),
        }
    }
}

/// By share of calls: each mark leaves a tenth of the calls that the one before left. None where there was no call.
pub(crate) fn distribution(parts: &[Shares<'_>]) -> Option<Chart> {
    let reach = |calls: u64| float(calls).max(10.0).log10().min(5.0);
    let left = |share: f64| -(1.0 - share).max(1e-9).log10();
    let parts = || parts.iter().filter(|part| part.calls > 0);
    let lines = parts().map(|part| {
        let (own, quantiles) = (reach(part.calls), part.quantiles.iter());
        let point = |it: &Quantile| (left(it.share).min(own), Some((float(it.us.max(1)) / 1_000.0).log10()));
        Line::new(part.name.as_str(), quantiles.map(point).collect())
    });
    let lines = Line::joined(lines.collect());
    let end = reach(parts().map(|part| part.calls).max()?);
    let marks = ["0", "90", "99", "99.9", "99.99", "99.999"].iter().zip(0_u8..);
    let marks = marks.map(|(text, at)| (f64::from(at), (*text).to_owned())).filter(|(at, _)| *at <= end);
    let (x, y) = (Axis { from: 0.0, to: end, marks: marks.collect() }, Axis::log_of(&lines));
    let title = "Latency by share of calls, in ms (factors of ten)";
    Some(Chart { title, below: "% of the calls were not slower", x, y, lines })
}

#[expect(clippy::cast_precision_loss, reason = "a picture is coarser than a float")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_that_are_told_as_one_keep_the_worst_of_their_latencies() {
        let bucket = |at_ms, sent, max_us| Bucket {
            at_ms,
            sent,
            not_sent: 0,
            done: 1,
            failed: 0,
            p50_us: None,
            p99_us: None,
            max_us,
        };
        let some = [bucket(100, 10, Some(2_000)), bucket(200, 30, Some(9_000)), bucket(300, 20, None)];
        let one = Span::of(&some, 0.1);
        assert_eq!((one.at, one.sent.round(), one.max, one.p50), (0.1, 200.0, Some(9.0), None));
    }

    #[test]
    fn a_line_of_few_calls_ends_where_it_has_no_more() {
        let quantiles =
            [(0.0, 1_000), (0.9, 10_000), (1.0, 100_000)].map(|(share, us)| Quantile { share, us });
        let part = |name: &str, calls| Shares { name: name.to_owned(), calls, quantiles: &quantiles };
        let chart = distribution(&[part("few", 10), part("many", 1_000), part("none", 0)]).unwrap();
        let ends = chart.lines.iter().map(|line| (line.name.as_str(), line.points.last().unwrap().0));
        assert_eq!(ends.collect::<Vec<_>>(), [("few", 1.0), ("many", 3.0)]);
        assert_eq!(chart.x.to, 3.0);
        assert!(distribution(&[part("none", 0)]).is_none());
    }
}
