//! Rate, errors and duration of HTTP requests.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use tokio::time::Instant;

use super::Shown;
use super::exemplar::{Buckets, Durations, Trace};
use crate::trace::TraceContext;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

/// The metrics of HTTP requests.
#[derive(Clone, Debug)]
pub(crate) struct Families {
    durations: Durations<Labels>,
}

impl Families {
    pub(super) fn new() -> Self {
        Self { durations: Durations::new_with_constructor(Buckets) }
    }

    pub(super) fn show(&self, shown: &mut Shown) {
        let help = "How long HTTP requests took, to the head of the answer";
        let labels = &["method", "route", "status"];
        shown.register(("http_server_duration_seconds", labels), help, self.durations.clone());
    }

    pub(crate) fn request(&self, method: &'static str, route: String) -> Timing {
        // Where the caller hangs up, no status is set: 499, as nginx has it.
        let labels = Labels { method, route, status: 499 };
        Timing { durations: self.durations.clone(), labels, start: Instant::now(), trace: None }
    }
}

/// One request; measured when it is dropped.
#[derive(Debug)]
pub(crate) struct Timing {
    durations: Durations<Labels>,
    labels: Labels,
    start: Instant,
    trace: Option<Trace>,
}

impl Timing {
    /// Notes the trace that it belongs to.
    pub(crate) fn belongs_to(&mut self, context: &TraceContext) {
        self.trace = Trace::of(Some(context));
    }

    pub(crate) fn end(&mut self, status: StatusCode) {
        self.labels.status = status.as_u16();
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.durations.get_or_create(&self.labels).observe(seconds, self.trace, None);
    }
}
