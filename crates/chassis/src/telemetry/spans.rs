use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::Metrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What became of the spans that ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    exported: Counter,
    dropped: Family<Reason, Counter>,
}

impl Spans {
    /// Shows the counts on `/metrics`.
    pub(super) fn register(&self, metrics: &Metrics) {
        let name = "telemetry_spans_exported";
        drop(metrics.register(name, "Spans that the collector took", self.exported.clone()));
        let help = "Spans that were lost: the queue was full, or the collector did not take them";
        drop(metrics.register("telemetry_spans_dropped", help, self.dropped.clone()));
    }

    pub(super) fn exported(&self, count: usize) {
        self.exported.inc_by(count as u64);
    }

    pub(super) fn dropped(&self, reason: &'static str, count: usize) {
        self.dropped.get_or_create(&Reason { reason }).inc_by(count as u64);
    }
}
