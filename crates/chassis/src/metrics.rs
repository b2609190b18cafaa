use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::Service;

pub(crate) mod http;
pub(crate) mod rpc;

/// Seconds; fine where a local commit ends, up to the longest deadline.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 4.0, 8.0, 30.0];

/// What the process counts and measures; `/metrics` shows it as Prometheus reads it. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    rpc: rpc::Families,
    http: http::Families,
}

impl Metrics {
    /// Only what the chassis measures itself.
    pub fn new(service: Service) -> Self {
        let mut registry = Registry::with_prefix("madang");
        let build = Info::new([("service", service.name), ("version", service.version)]);
        registry.register("build", "What runs here", build);
        let rpc = rpc::Families::new(&mut registry);
        let http = http::Families::new(&mut registry);
        Self { registry: Arc::new(Mutex::new(registry)), rpc, http }
    }

    /// Shows a metric as `madang_<name>` (a counter gets `_total`), and gives it back. Keep the labels bounded: an id is not
    /// a label.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(name, help, metric.clone());
        metric
    }

    /// All of it, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            // Writing to a String does not fail; a metric that refuses to be written must not end the scrape.
            Err(fmt::Error) => String::from("# EOF\n"),
        }
    }

    pub(crate) fn rpc(&self) -> &rpc::Families {
        &self.rpc
    }

    pub(crate) fn http(&self) -> &http::Families {
        &self.http
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
