//! Rate, errors and duration of calls, both of those that come in and of those that leave.

use std::sync::Arc;

use http::HeaderMap;
use madang_api::error::code_name;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;
use tonic::Code;

use super::Shown;
use super::exemplar::{Buckets, Durations, Trace};
use crate::trace::{self, TraceContext};

const LABELS: &[&str] = &["method", "code"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: Arc<str>,
    code: &'static str,
}

/// The metrics of calls.
#[derive(Clone, Debug)]
pub(crate) struct Families {
    server: Durations<Labels>,
    client: Durations<Labels>,
    in_flight: Gauge,
}

impl Families {
    pub(super) fn new() -> Self {
        let durations = || Durations::new_with_constructor(Buckets);
        Self { server: durations(), client: durations(), in_flight: Gauge::default() }
    }

    pub(super) fn show_server(&self, shown: &mut Shown) {
        let help = "How long calls took to answer, to the end of the answer";
        shown.register(("rpc_server_duration_seconds", LABELS), help, self.server.clone());
        let help = "Calls that are being answered, streams among them";
        shown.register(("rpc_server_in_flight", &[]), help, self.in_flight.clone());
    }

    pub(super) fn show_client(&self, shown: &mut Shown) {
        let help = "How long calls to other services took, to the end of the answer";
        shown.register(("rpc_client_duration_seconds", LABELS), help, self.client.clone());
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

/// One call; measured when it is dropped, in the trace that it was made in. Its code is CANCELLED unless its end was seen.
#[derive(Debug)]
pub(crate) struct Call {
    durations: Durations<Labels>,
    method: Arc<str>,
    in_flight: Option<Gauge>,
    start: Instant,
    code: Code,
    trace: Option<Trace>,
}

impl Call {
    fn new(durations: Durations<Labels>, method: Arc<str>, in_flight: Option<Gauge>) -> Self {
        let trace = Trace::of(trace::here().map(|here| here.context()).as_ref());
        Self { durations, method, in_flight, start: Instant::now(), code: Code::Cancelled, trace }
    }

    /// Notes the trace that it belongs to, where that is known only after it began.
    pub(crate) fn belongs_to(&mut self, context: &TraceContext) {
        self.trace = Trace::of(Some(context));
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
        self.durations.get_or_create(&labels).observe(self.start.elapsed().as_secs_f64(), self.trace, None);
        if let Some(in_flight) = &self.in_flight {
            in_flight.dec();
        }
    }
}
