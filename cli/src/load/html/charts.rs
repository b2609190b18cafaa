//! What is drawn of a report.

use madang_load::{Bucket, Report};

use super::chart::{Axis, Chart, Line};

/// As many points as can be told apart.
const POINTS: usize = 300;

/// Some buckets as one.
#[derive(Debug)]
struct Span {
    /// In seconds since the start.
    at: f64,
    sent: f64,
    done: f64,
    failed: f64,
    not_sent: f64,
    /// The longest median, in ms.
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

pub(super) fn all(report: &Report) -> Vec<String> {
    let spans = spans(report);
    let mut charts = vec![rates(&spans), latencies(&spans), failures(&spans)];
    charts.extend(distribution(report));
    charts.iter().map(Chart::render).collect()
}

fn spans(report: &Report) -> Vec<Span> {
    let (buckets, length) = (&report.series.buckets, float(report.series.interval_ms) / 1_000.0);
    let some = buckets.len().div_ceil(POINTS).max(1);
    buckets.chunks(some).map(|chunk| span(chunk, length)).collect()
}

/// Buckets of a length in seconds. Of the percentiles the worst is kept: a mean would hide it.
fn span(chunk: &[Bucket], length: f64) -> Span {
    let seconds = length * float(chunk.len() as u64);
    let rate = |count: fn(&Bucket) -> u64| float(chunk.iter().map(count).sum()) / seconds;
    let worst =
        |us: fn(&Bucket) -> Option<u64>| chunk.iter().filter_map(us).max().map(|us| float(us) / 1_000.0);
    Span {
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

fn line(name: &'static str, spans: &[Span], value: fn(&Span) -> Option<f64>) -> Line {
    Line { name, points: spans.iter().map(|span| (span.at, value(span))).collect() }
}

fn rates(spans: &[Span]) -> Chart {
    let lines = vec![line("sent", spans, |it| Some(it.sent)), line("done", spans, |it| Some(it.done))];
    let y = Axis::linear(most(&lines));
    Chart { title: "Calls a second", below: "seconds", x: time(spans), y, lines }
}

fn failures(spans: &[Span]) -> Chart {
    let lines =
        vec![line("failed", spans, |it| Some(it.failed)), line("not sent", spans, |it| Some(it.not_sent))];
    let y = Axis::linear(most(&lines));
    Chart { title: "Failed calls a second", below: "seconds", x: time(spans), y, lines }
}

fn latencies(spans: &[Span]) -> Chart {
    let lines = vec![
        line("p50", spans, |it| it.p50.map(f64::log10)),
        line("p99", spans, |it| it.p99.map(f64::log10)),
        line("longest", spans, |it| it.max.map(f64::log10)),
    ];
    let (x, y) = (time(spans), log_axis(&lines));
    Chart { title: "Latency of the calls that ended, in ms (factors of ten)", below: "seconds", x, y, lines }
}

/// By share of calls: each mark leaves a tenth of the calls that the one before left.
fn distribution(report: &Report) -> Option<Chart> {
    let count = float(report.latency.count());
    let end = count.max(10.0).log10().min(5.0);
    let left = |share: f64| -(1.0 - share).max(1e-9).log10();
    let points = report
        .distribution
        .iter()
        .map(|it| (left(it.share).min(end), Some((float(it.us.max(1)) / 1_000.0).log10())));
    let lines = vec![Line { name: "all calls", points: points.collect() }];
    let marks = ["0", "90", "99", "99.9", "99.99", "99.999"].iter().zip(0_u8..);
    let marks = marks.map(|(text, at)| (f64::from(at), (*text).to_owned())).filter(|(at, _)| *at <= end);
    let (x, y) = (Axis { from: 0.0, to: end, marks: marks.collect() }, log_axis(&lines));
    let title = "Latency by share of calls, in ms (factors of ten)";
    (count > 0.0).then_some(Chart { title, below: "% of the calls were not slower", x, y, lines })
}

fn time(spans: &[Span]) -> Axis {
    Axis::exact(spans.last().map_or(1.0, |span| span.at).max(0.1))
}

fn values(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value))
}

fn most(lines: &[Line]) -> f64 {
    values(lines).fold(0.0, f64::max)
}

/// For lines of logarithms.
fn log_axis(lines: &[Line]) -> Axis {
    let least = values(lines).fold(f64::INFINITY, f64::min);
    let most = values(lines).fold(f64::NEG_INFINITY, f64::max);
    match least <= most {
        true => Axis::log_ms(10_f64.powf(least), 10_f64.powf(most)),
        false => Axis::log_ms(1.0, 10.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture is coarser than a float")]
fn float(count: u64) -> f64 {
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
        let one =
            span(&[bucket(100, 10, Some(2_000)), bucket(200, 30, Some(9_000)), bucket(300, 20, None)], 0.1);
        assert_eq!((one.at, one.sent.round(), one.max, one.p50), (0.1, 200.0, Some(9.0), None));
    }
}
