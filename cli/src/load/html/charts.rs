//! What is drawn of a report.

use madang_load::Report;

use crate::page::axis::Axis;
use crate::page::chart::{Chart, Line};
use crate::page::spans::{Shares, Span, distribution};
use crate::page::timeline::Timeline;

pub(super) fn all(report: &Report) -> Vec<String> {
    let spans = Span::all(&report.series);
    let mut charts = vec![rates(&spans), latencies(&spans), failures(&spans)];
    let (calls, quantiles) = (report.latency.count(), &report.distribution[..]);
    charts.extend(distribution(&[Shares { name: "all calls".to_owned(), calls, quantiles }]));
    charts.iter().map(|chart| chart.render(&Timeline::default())).collect()
}

fn line(name: &str, spans: &[Span], value: fn(&Span) -> Option<f64>) -> Line {
    Line::new(name, spans.iter().map(|span| (span.at, value(span))).collect())
}

fn rates(spans: &[Span]) -> Chart {
    let lines = vec![line("sent", spans, |it| Some(it.sent)), line("done", spans, |it| Some(it.done))];
    let y = Axis::linear_of(&lines);
    Chart { title: "Calls a second", below: "seconds", x: time(spans), y, lines }
}

fn failures(spans: &[Span]) -> Chart {
    let lines =
        vec![line("failed", spans, |it| Some(it.failed)), line("not sent", spans, |it| Some(it.not_sent))];
    let y = Axis::linear_of(&lines);
    Chart { title: "Failed calls a second", below: "seconds", x: time(spans), y, lines }
}

fn latencies(spans: &[Span]) -> Chart {
    let lines = vec![
        line("p50", spans, |it| it.p50.map(f64::log10)),
        line("p99", spans, |it| it.p99.map(f64::log10)),
        line("longest", spans, |it| it.max.map(f64::log10)),
    ];
    let (x, y) = (time(spans), Axis::log_of(&lines));
    Chart { title: "Latency of the calls that ended, in ms (factors of ten)", below: "seconds", x, y, lines }
}

fn time(spans: &[Span]) -> Axis {
    Axis::exact(spans.last().map_or(1.0, |span| span.at).max(0.1))
}
