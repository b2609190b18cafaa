//! The trace of an observation, so that a slow bucket leads to a call that was slow.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::{Family, MetricConstructor};

use super::BUCKETS;
use crate::trace::TraceContext;

/// The id of a trace that is recorded. It is written as text only when it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace(u128);

impl Trace {
    /// None where nobody could look the trace up.
    pub(super) fn of(context: Option<&TraceContext>) -> Option<Self> {
        context.filter(|context| context.is_recorded()).map(|context| Self(context.trace))
    }
}

impl EncodeLabelSet for Trace {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        [("trace_id", format!("{:032x}", self.0))].encode(encoder)
    }
}

/// Durations in seconds, in [`BUCKETS`], by labels; each bucket with the last trace that fell into it.
pub(super) type Durations<L> = Family<L, HistogramWithExemplars<Trace>, Buckets>;

/// Makes a histogram for new labels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buckets;

impl MetricConstructor<HistogramWithExemplars<Trace>> for Buckets {
    fn new_metric(&self) -> HistogramWithExemplars<Trace> {
        HistogramWithExemplars::new(BUCKETS.into_iter())
    }
}
