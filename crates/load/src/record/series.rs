use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Window;
use crate::histogram::Histogram;

/// A span of a time series. Latencies are of the calls that ended in it, to a hundredth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its begin, in milliseconds since the start of the load.
    pub at_ms: u64,
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were not, since too many were in flight.
    pub not_sent: u64,
    /// Calls that ended.
    pub done: u64,
    /// Those of them that failed at last.
    pub failed: u64,
    /// The median of their latency in µs; none where no call ended.
    pub p50_us: Option<u64>,
    /// The 99th percentile, in µs.
    pub p99_us: Option<u64>,
    /// The longest, in µs.
    pub max_us: Option<u64>,
}

/// Windows of one length, of which the last alone has its histogram still.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    interval: Duration,
    closed: Vec<Bucket>,
    open: Window,
    is_used: bool,
}

impl Series {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        // It is closed under a lock that the pacer wants.
        let open = Window { latency: Histogram::coarse(), ..Window::default() };
        Self { interval, closed: Vec::new(), open, is_used: false }
    }

    /// The window of a time. What comes late for a window that is closed counts in the one that is open.
    pub(super) fn at(&mut self, now: Duration) -> &mut Window {
        let index = usize::try_from(now.as_nanos() / self.interval.as_nanos()).unwrap_or(usize::MAX);
        while self.closed.len() < index {
            self.close();
        }
        self.is_used = true;
        &mut self.open
    }

    /// All buckets, without a gap, up to the last one in which something happened.
    pub(crate) fn buckets(mut self) -> Vec<Bucket> {
        if self.is_used {
            self.close();
        }
        self.closed
    }

    /// The length of a bucket.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    fn close(&mut self) {
        let at = self.interval.as_millis() * self.closed.len() as u128;
        let Window { sent, not_sent, done, failed, latency, .. } = &self.open;
        let told = |us: u64| (*done > 0).then_some(us);
        self.closed.push(Bucket {
            at_ms: u64::try_from(at).unwrap_or(u64::MAX),
            sent: *sent,
            not_sent: *not_sent,
            done: *done,
            failed: *failed,
            p50_us: told(latency.quantile_us(0.5)),
            p99_us: told(latency.quantile_us(0.99)),
            max_us: told(latency.max_us()),
        });
        (self.open.sent, self.open.not_sent, self.open.done, self.open.failed) = (0, 0, 0, 0);
        self.open.latency.clear();
        self.open.errors.clear();
    }
}
