use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::Shown;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What became of the spans that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    exported: Counter,
    dropped: Family<Reason, Counter>,
}

impl Spans {
    pub(super) fn new(shown: &mut Shown) -> Self {
        let spans = Self::default();
        let name = ("telemetry_spans_exported", &[][..]);
        shown.register(name, "Spans that the collector took", spans.exported.clone());
        let name = ("telemetry_spans_dropped", &["reason"][..]);
        let help = "Spans that were lost: the queue was full, or the collector did not take them";
        shown.register(name, help, spans.dropped.clone());
        spans
    }

    pub(crate) fn exported(&self, count: usize) {
        self.exported.inc_by(count as u64);
    }

    pub(crate) fn dropped(&self, reason: &'static str, count: usize) {
        self.dropped.get_or_create(&Reason { reason }).inc_by(count as u64);
    }
}
