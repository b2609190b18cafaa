//! What was seen, as it comes. All times are since the start of the load; nothing here has a clock.

mod series;

use std::collections::BTreeMap;
use std::time::Duration;

pub use series::Bucket;
pub(crate) use series::Series;

use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::intent::Outcome;
use crate::mix::Kind;

/// Calls of a kind, since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) not_sent: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) failed_at_first: u64,
    pub(crate) latency: Histogram,
    pub(crate) latency_ok: Histogram,
}

/// What happened in a span of time. A call counts as sent when it was, and as done with its latency when it ended.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were meant to be sent, but too many were in flight.
    pub not_sent: u64,
    /// Calls that ended, in whatever way.
    pub done: u64,
    /// Those of them that failed at last.
    pub failed: u64,
    /// How those failed.
    pub errors: BTreeMap<Failure, u64>,
    /// Of all that were done, from the time that they were meant to be sent.
    pub latency: Histogram,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that were meant to be sent until now: sent and not sent.
    pub intended: u64,
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were not, since too many were in flight.
    pub not_sent: u64,
    /// Calls that ended without an error, at last.
    pub ok: u64,
    /// Calls that ended with one.
    pub failed: u64,
}

/// A load at a moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Since the start of the load.
    pub at: Duration,
    /// What happened since the snapshot before.
    pub window: Window,
    /// What happened since the start.
    pub totals: Totals,
    /// Calls that were sent and have not ended.
    pub in_flight: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) kinds: BTreeMap<Kind, Tally>,
    /// How often at first, and at last.
    pub(crate) errors: BTreeMap<(Kind, Failure), (u64, u64)>,
    /// How much later than intended a call left the pacer.
    pub(crate) paced_late: Histogram,
    /// How much later than intended the runtime began a call.
    pub(crate) begun_late: Histogram,
    pub(crate) series: Series,
    /// When the last call ended.
    pub(crate) last_done: Duration,
    window: Window,
}

impl Window {
    fn end(&mut self, latency: Duration, outcome: &Outcome) {
        self.done += 1;
        self.latency.record(latency);
        if let Err(failure) = &outcome.last {
            self.failed += 1;
            *self.errors.entry(failure.clone()).or_default() += 1;
        }
    }
}

impl Recorder {
    /// Nothing seen yet; the time series has buckets of this length.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            kinds: BTreeMap::new(),
            errors: BTreeMap::new(),
            paced_late: Histogram::new(),
            begun_late: Histogram::new(),
            series: Series::new(interval),
            last_done: Duration::ZERO,
            window: Window::default(),
        }
    }

    /// The pacer handed over a call, or could not: too many were in flight.
    pub(crate) fn paced(&mut self, now: Duration, kind: Kind, (late, sent): (Duration, bool)) {
        self.paced_late.record(late);
        let (yes, no) = (u64::from(sent), u64::from(!sent));
        let tally = self.kinds.entry(kind).or_default();
        (tally.sent, tally.not_sent) = (tally.sent + yes, tally.not_sent + no);
        for window in [&mut self.window, self.series.at(now)] {
            (window.sent, window.not_sent) = (window.sent + yes, window.not_sent + no);
        }
    }

    /// The runtime began a call.
    pub(crate) fn begun(&mut self, late: Duration) {
        self.begun_late.record(late);
    }

    /// A call ended.
    pub(crate) fn done(&mut self, now: Duration, kind: Kind, (latency, outcome): (Duration, &Outcome)) {
        self.last_done = self.last_done.max(now);
        let tally = self.kinds.entry(kind).or_default();
        tally.latency.record(latency);
        tally.failed_at_first += u64::from(outcome.first.is_err());
        match &outcome.last {
            Ok(()) => {
                tally.ok += 1;
                tally.latency_ok.record(latency);
            }
            Err(_) => tally.failed += 1,
        }
        let (first, last) = (outcome.first.as_ref().err(), outcome.last.as_ref().err());
        for (failure, (at_first, at_last)) in
            first.map(|it| (it, (1, 0))).into_iter().chain(last.map(|it| (it, (0, 1))))
        {
            let counted = self.errors.entry((kind, failure.clone())).or_default();
            *counted = (counted.0 + at_first, counted.1 + at_last);
        }
        for window in [&mut self.window, self.series.at(now)] {
            window.end(latency, outcome);
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let sum = |part: fn(&Tally) -> u64| self.kinds.values().map(part).sum();
        let (sent, not_sent) = (sum(|it| it.sent), sum(|it| it.not_sent));
        Totals { intended: sent + not_sent, sent, not_sent, ok: sum(|it| it.ok), failed: sum(|it| it.failed) }
    }

    /// What happened since this was asked before.
    pub(crate) fn snapshot(&mut self, now: Duration) -> Snapshot {
        let totals = self.totals();
        let in_flight = totals.sent - totals.ok - totals.failed;
        Snapshot { at: now, window: std::mem::take(&mut self.window), totals, in_flight }
    }
}

#[cfg(test)]
mod tests;
