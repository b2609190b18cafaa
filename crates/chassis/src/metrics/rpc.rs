//! Rate, errors and duration of calls, both of those that come in and of those that leave.

use std::sync::Arc;

use http::HeaderMap;
use madang_api::error::code_name;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::Code;

use super::BUCKETS;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: Arc<str>,
    code: &'static str,
}

type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// The metrics of calls.
#[derive(Clone, Debug)]
pub(crate) struct Families {
    server: Durations,
    client: Durations,
    in_flight: Gauge,
}

impl Families {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let durations = || Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        let (server, client, in_flight) = (durations(), durations(), Gauge::default());
        registry.register(
            "rpc_server_duration_seconds",
            "How long calls took to answer, to the end of the answer",
            server.clone(),
        );
        registry.register(
            "rpc_client_duration_seconds",
            "How long calls to other services took, to the end of the answer",
            client.clone(),
        );
        registry.register("rpc_server_in_flight", "Calls that are being answered", in_flight.clone());
        Self { server, client, in_flight }
    }

    /// A call that came in.
    pub(crate) fn server(&self, method: Arc<str>) -> Call {
        self.in_flight.inc();
        Call::new(self.server.clone(), method, Some(self.in_flight.clone()))
    }

    /// A call that leaves.
    pub(crate) fn client(&self, method: Arc<str>) -> Call {
        Call::new(self.client.clone(), method, None)
    }
}

/// One call; measured when it is dropped. Its code is CANCELLED unless its end was seen.
#[derive(Debug)]
pub(crate) struct Call {
    durations: Durations,
    method: Arc<str>,
    in_flight: Option<Gauge>,
    start: Instant,
    code: Code,
}

impl Call {
    fn new(durations: Durations, method: Arc<str>, in_flight: Option<Gauge>) -> Self {
        Self { durations, method, in_flight, start: Instant::now(), code: Code::Cancelled }
    }

    /// Takes the code from an answer's headers or trailers, where it stands there.
    pub(crate) fn see(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.code = Code::from_bytes(code.as_bytes());
        }
    }

    /// Takes the code.
    pub(crate) fn end(&mut self, code: Code) {
        self.code = code;
    }

    /// The code so far.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// How long it has taken.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.start.elapsed()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let labels = Labels { method: Arc::clone(&self.method), code: code_name(self.code) };
        self.durations.get_or_create(&labels).observe(self.start.elapsed().as_secs_f64());
        if let Some(in_flight) = &self.in_flight {
            in_flight.dec();
        }
    }
}
