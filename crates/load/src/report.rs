//! What a load came to. Its JSON has the same fields always, so that reports can be compared.

mod build;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use build::End;
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::histogram::Histogram;
use crate::mix::Kind;
use crate::record::Bucket;

/// A load and all that it saw. Latencies are of all calls that ended, failed ones too, from the time that they were meant to be
/// sent; a summary of them is in µs.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of these fields; it grows when one changes its meaning or goes.
    pub version: u32,
    /// What the load was told.
    pub settings: Told,
    /// How long was sent, in seconds: the schedule, or until it was stopped.
    pub sent_seconds: f64,
    /// From the start until the last call ended, in seconds.
    pub done_seconds: f64,
    /// Whether it was stopped before its schedule ended.
    pub stopped_early: bool,
    /// Calls that were meant to be sent: sent and not sent.
    pub intended: u64,
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were not, since too many were in flight.
    pub not_sent: u64,
    /// Calls that ended without an error, at last.
    pub ok: u64,
    /// Calls that ended with one.
    pub failed: u64,
    /// Calls that were sent and never ended.
    pub unanswered: u64,
    /// Calls that were meant to be sent, a second.
    pub intended_rate: f64,
    /// Calls that were sent, a second.
    pub sent_rate: f64,
    /// Calls that ended without an error, a second until the last one ended.
    pub ok_rate: f64,
    /// Of all calls.
    pub latency: Histogram,
    /// By kind; only those that were sent.
    pub kinds: Vec<KindReport>,
    /// By kind, code and reason.
    pub errors: Vec<Errors>,
    /// Whether the generator itself was in time.
    pub generator: Generator,
    /// What became of the orders.
    pub orders: Orders,
    /// Latencies of all calls by share.
    pub distribution: Vec<Quantile>,
    /// How it went in time.
    pub series: Series,
}

/// The settings as a report tells them.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// The gateway.
    pub gateway: String,
    /// Rates in calls a second and durations in seconds, one after the other.
    pub phases: Vec<(f64, f64)>,
    /// How sends are spread.
    pub arrivals: Arrivals,
    /// What was sent, such as `order=1,browse=9`.
    pub mix: String,
    /// Products with their weights; empty for all of the catalogue.
    pub products: Vec<(String, u32)>,
    /// The seed.
    pub seed: u64,
    /// The run's UUID.
    pub run: String,
    /// Connections.
    pub connections: usize,
    /// Calls in flight at most.
    pub in_flight: usize,
    /// In milliseconds.
    pub deadline_ms: u64,
    /// Retries on UNAVAILABLE, at most.
    pub retries: u32,
}

/// Calls of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct KindReport {
    /// Which.
    pub kind: Kind,
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were not, since too many were in flight.
    pub not_sent: u64,
    /// Calls that ended without an error, at last.
    pub ok: u64,
    /// Calls that ended with one.
    pub failed: u64,
    /// Calls whose first try failed; more than failed, where retries helped.
    pub failed_at_first: u64,
    /// Of all that ended.
    pub latency: Histogram,
    /// Of those that ended without an error.
    pub latency_ok: Histogram,
}

/// How often calls of a kind failed in a way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// The kind.
    pub kind: Kind,
    /// The code's name, such as UNAVAILABLE.
    pub code: &'static str,
    /// The ErrorInfo's reason; none where no service of the shop made the error.
    pub reason: Option<String>,
    /// How often the first try ended so.
    pub at_first: u64,
    /// How often the last try did; it is the first where there was one alone.
    pub at_last: u64,
}

/// Whether the generator was in time. What it was late is in the latencies of the calls.
#[derive(Debug, Clone, Serialize)]
pub struct Generator {
    /// How much later than intended calls left the pacing thread.
    pub paced_late: Histogram,
    /// How much later than intended the runtime began them.
    pub begun_late: Histogram,
    /// Whether it is no matter: the median, the 90th and the 99th percentile of `begun_late` are at most a tenth of those of the
    /// latency, or [`Generator::IN_TIME`].
    pub in_time: bool,
}

/// What became of the orders: each that was asked for is in one of confirmed, rejected, cancelled, stuck, pending, unread, lost,
/// refused or unanswered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Their id was answered.
    pub acknowledged: u64,
    /// Their answer was lost under the load, so they were asked for again.
    pub asked_again: u64,
    /// Those of them that were acknowledged then.
    pub found_again: u64,
    /// CONFIRMED at the end.
    pub confirmed: u64,
    /// REJECTED at the end, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// CANCELLED at the end.
    pub cancelled: u64,
    /// STUCK at the end.
    pub stuck: u64,
    /// Not final when the time to follow them was over.
    pub pending: u64,
    /// Acknowledged, but not read again in that time.
    pub unread: u64,
    /// Acknowledged, and the shop does not know them.
    pub lost: u64,
    /// Surely not placed: the error says so.
    pub refused: u64,
    /// Nobody knows: no repeat was answered in time.
    pub unanswered: u64,
    /// Orders of this run's customers that no answer told of. Where none is unanswered, some request gave more than one order.
    pub surplus: u64,
}

/// A latency that a share of the calls did not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// From 0 to 1.
    pub share: f64,
    /// In µs.
    pub us: u64,
}

/// The load in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The length of a bucket, in milliseconds.
    pub interval_ms: u64,
    /// One after the other, without gaps.
    pub buckets: Vec<Bucket>,
}

impl Generator {
    /// A lateness that is no matter.
    pub const IN_TIME: Duration = Duration::from_millis(1);
}

impl Orders {
    /// Those that are as they should not be: lost, more than were asked for, stuck, or with an end that nobody knows.
    pub fn wrong(&self) -> u64 {
        self.lost + self.surplus + self.stuck + self.pending + self.unread + self.unanswered
    }
}

impl Report {
    /// The version of the JSON.
    pub const VERSION: u32 = 1;

    /// Whether all was as it should be: nothing failed, everything was sent and answered, and no order is
    /// [wrong](Orders::wrong).
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.not_sent == 0 && self.unanswered == 0 && self.orders.wrong() == 0
    }
}

#[cfg(test)]
mod tests;
