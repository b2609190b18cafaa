//! What a process counts and measures: on `/metrics` for Prometheus, and by OTLP where that is asked for.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::Service;

mod age;
mod exemplar;
pub(crate) mod http;
mod otlp;
mod process;
mod reading;
pub(crate) mod rpc;
pub(crate) mod spans;

pub use age::Age;
pub use otlp::push;
pub use reading::{Labels, Reading};

/// Seconds; fine where a local commit ends, up to the longest deadline.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 4.0, 8.0, 30.0];

/// What every metric's name begins with.
const PREFIX: &str = "madang";

/// What the process counts and measures; `/metrics` shows it as Prometheus reads it. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    shown: Arc<Mutex<Shown>>,
    rpc: rpc::Families,
    http: http::Families,
    spans: spans::Spans,
}

struct Shown {
    registry: Registry,
    listed: Vec<Described>,
}

/// A metric as it is documented: it is listed also before it has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name in a query, but for the `_bucket`, `_count` and `_sum` of a histogram.
    pub name: String,
    /// What it tells.
    pub help: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// The labels that it has; a histogram's `le` is not among them.
    pub labels: &'static [&'static str],
}

impl Metrics {
    /// Only what the chassis measures itself.
    pub fn new(service: Service) -> Self {
        let registry = Registry::with_prefix(PREFIX);
        let mut shown = Shown { registry, listed: Vec::new() };
        let build = Info::new([("service", service.name), ("version", service.version)]);
        shown.register(("build", &["service", "version"]), "What runs here", build);
        process::register(&mut shown);
        let spans = spans::Spans::new(&mut shown);
        let (rpc, http) = (rpc::Families::new(), http::Families::new());
        Self { shown: Arc::new(Mutex::new(shown)), rpc, http, spans }
    }

    /// Shows what is measured of calls that come in: a process that serves none lists none of it.
    pub(crate) fn show_rpc_server(&self) {
        self.rpc.show_server(&mut self.shown());
    }

    /// The same of calls that leave.
    pub(crate) fn show_rpc_client(&self) {
        self.rpc.show_client(&mut self.shown());
    }

    /// The same of HTTP requests that come in.
    pub(crate) fn show_http(&self) {
        self.http.show(&mut self.shown());
    }

    /// Shows a metric without labels as `madang_<name>` (a counter gets `_total`), and gives it back. A name ends in its base
    /// unit, `_seconds` or `_bytes`, where it has one. Of two metrics with one name the first is shown.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.register_family((name, &[]), help, metric)
    }

    /// The same for a metric that has these labels. Keep their values bounded: an id is not a label.
    pub fn register_family<M: Metric + Clone>(
        &self,
        (name, labels): (&str, &'static [&'static str]),
        help: &str,
        metric: M,
    ) -> M {
        self.shown().register((name, labels), help, metric.clone());
        metric
    }

    /// All of it, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.shown().registry) {
            Ok(()) => text,
            // Writing to a String does not fail; a metric that refuses to be written must not end the scrape.
            Err(fmt::Error) => String::from("# EOF\n"),
        }
    }

    /// What there is, in the order of registration.
    pub fn list(&self) -> Vec<Described> {
        self.shown().listed.clone()
    }

    pub(crate) fn rpc(&self) -> &rpc::Families {
        &self.rpc
    }

    pub(crate) fn http(&self) -> &http::Families {
        &self.http
    }

    pub(crate) fn spans(&self) -> &spans::Spans {
        &self.spans
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Shown {
    fn register<M: Metric>(
        &mut self,
        (name, labels): (&str, &'static [&'static str]),
        help: &str,
        metric: M,
    ) {
        let (kind, suffix) = match metric.metric_type() {
            MetricType::Counter => ("counter", "_total"),
            MetricType::Gauge => ("gauge", ""),
            MetricType::Histogram => ("histogram", ""),
            MetricType::Info => ("info", "_info"),
            MetricType::Unknown => ("unknown", ""),
        };
        let full = format!("{PREFIX}_{name}{suffix}");
        // A text with a name twice could not be read.
        if self.listed.iter().any(|listed| listed.name == full) {
            return;
        }
        self.listed.push(Described { name: full, help: help.to_owned(), kind, labels });
        self.registry.register(name, help, metric);
    }
}

#[cfg(test)]
mod tests;
