//! A trial in pictures: all that was called on one axis of time, with what was done, and how long calls took in each phase.

use madang_experiments::{Outcome, Phase, Plot};

use crate::page::axis::Axis;
use crate::page::chart::{Chart, Line};
use crate::page::escape;
use crate::page::spans::{Shares, Span, distribution, float};
use crate::page::timeline::{Part, Timeline};

/// The pictures, and beneath them what their numbers stand for.
pub(super) fn all(outcome: &Outcome) -> String {
    let timeline = timeline(outcome);
    if outcome.plots.is_empty() {
        let picture = match outcome.marks.is_empty() {
            true => String::new(),
            false => timeline.render("What was done, in time", &time(outcome)),
        };
        return format!("{picture}{}", legend(outcome));
    }
    let mut pictures: String = in_time(outcome).iter().map(|chart| chart.render(&timeline)).collect();
    let parts: Vec<Shares<'_>> = outcome.plots.iter().map(shares).collect();
    pictures.extend(distribution(&parts).map(|chart| chart.render(&Timeline::default())));
    format!("<div class=\"charts\">\n{pictures}</div>\n{}", legend(outcome))
}

fn legend(outcome: &Outcome) -> String {
    if outcome.marks.is_empty() {
        return String::new();
    }
    let mut list = "<p class=\"soft\">What was done at each number:</p>\n<ol class=\"marks\">\n".to_owned();
    for mark in &outcome.marks {
        list += &format!("<li><b>{:.2} s</b> {}</li>\n", seconds(mark.at_ms), escape(&mark.what));
    }
    list + "</ol>\n"
}

fn timeline(outcome: &Outcome) -> Timeline {
    let marks = outcome.marks.iter().map(|mark| seconds(mark.at_ms)).collect();
    Timeline { parts: parts(&outcome.plots), marks }
}

/// The phases one after the other. What still comes from one when the next has begun is of the next.
fn parts(plots: &[Plot]) -> Vec<Part> {
    let mut plots: Vec<&Plot> = plots.iter().collect();
    plots.sort_by_key(|plot| plot.at_ms);
    let mut parts: Vec<Part> = Vec::new();
    for plot in plots {
        let (name, from, to) = (plot.phase.to_string(), seconds(plot.at_ms), end(plot));
        match parts.last_mut() {
            Some(last) if last.name == name => last.to = last.to.max(to),
            last => {
                last.into_iter().for_each(|last| last.to = last.to.min(from));
                parts.push(Part { name, from, to, is_shaded: plot.phase == Phase::During });
            }
        }
    }
    parts
}

/// From the begin of the trial until all had happened.
fn time(outcome: &Outcome) -> Axis {
    let marks = outcome.marks.iter().map(|mark| seconds(mark.at_ms));
    let ends = marks.chain(outcome.plots.iter().map(end));
    Axis::exact(ends.fold(seconds(outcome.took_ms), f64::max).max(0.1))
}

fn in_time(outcome: &Outcome) -> [Chart; 3] {
    let lines = |value: fn(&Span) -> Option<f64>| {
        Line::joined(outcome.plots.iter().map(|plot| line(plot, value)).collect())
    };
    let ended = lines(|it| Some(it.done - it.failed));
    let slow = lines(|it| it.p99.map(f64::log10));
    let bad = lines(|it| Some(it.failed + it.not_sent));
    let chart = |title, y, lines| Chart { title, below: "seconds", x: time(outcome), y, lines };
    [
        chart("Calls that ended well, a second", Axis::linear_of(&ended), ended),
        chart("Latency, 99th percentile, in ms (factors of ten)", Axis::log_of(&slow), slow),
        chart("Calls that failed or could not be sent, a second", Axis::linear_of(&bad), bad),
    ]
}

fn line(plot: &Plot, value: fn(&Span) -> Option<f64>) -> Line {
    let spans = Span::all(&plot.series);
    let begin = seconds(plot.at_ms);
    Line::new(name(plot), spans.iter().map(|span| (begin + span.at, value(span))).collect())
}

fn shares(plot: &Plot) -> Shares<'_> {
    let calls = plot.series.buckets.iter().map(|bucket| bucket.done).sum();
    Shares { name: name(plot), calls, quantiles: &plot.distribution }
}

fn name(plot: &Plot) -> String {
    format!("{}, {}", plot.title, plot.phase)
}

fn end(plot: &Plot) -> f64 {
    seconds(plot.at_ms + plot.series.interval_ms * plot.series.buckets.len() as u64)
}

fn seconds(ms: u64) -> f64 {
    float(ms) / 1_000.0
}

/// One of the pictures in time, on its own.
#[cfg(test)]
pub(super) fn image(outcome: &Outcome, number: usize) -> String {
    in_time(outcome)[number].image(&timeline(outcome))
}
