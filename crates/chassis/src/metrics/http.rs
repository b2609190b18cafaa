//! Rate, errors and duration of HTTP requests.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::BUCKETS;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// The metrics of HTTP requests.
#[derive(Clone, Debug)]
pub(crate) struct Families {
    durations: Durations,
}

impl Families {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(
            "http_server_duration_seconds",
            "How long HTTP requests took, to the head of the answer",
            durations.clone(),
        );
        Self { durations }
    }

    pub(crate) fn request(&self, method: &'static str, route: String) -> Timing {
        // Where the caller hangs up, no status is set: 499, as nginx has it.
        let labels = Labels { method, route, status: 499 };
        Timing { durations: self.durations.clone(), labels, start: Instant::now() }
    }
}

/// One request; measured when it is dropped.
#[derive(Debug)]
pub(crate) struct Timing {
    durations: Durations,
    labels: Labels,
    start: Instant,
}

impl Timing {
    pub(crate) fn end(&mut self, status: StatusCode) {
        self.labels.status = status.as_u16();
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.durations.get_or_create(&self.labels).observe(self.start.elapsed().as_secs_f64());
    }
}
