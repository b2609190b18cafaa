//! Logs and traces of a process.

use std::io;
use std::time::Duration;

use http::Uri;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tonic::transport::{Channel, Endpoint};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::TelemetryArgs;
use crate::{Platform, Service};

mod events;
mod fields;
pub(crate) mod level;
mod lines;
mod otlp;

use events::SpanEvents;
pub use level::{LevelError, LogLevel};
use lines::Lines;
use otlp::Exporter;

/// Why a process cannot tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter of the log is not one.
    #[error("the log filter cannot be read: {0}")]
    Filter(String),
    /// Something else in the process logs already.
    #[error("telemetry was started before")]
    Started(#[from] TryInitError),
}

/// Telemetry that runs.
#[derive(Debug)]
#[must_use = "what waits for export is lost unless it is ended"]
pub struct Telemetry(Option<Exporter>);

impl Telemetry {
    /// Sends what waits for export, for some seconds at most.
    pub async fn end(self) {
        if let Some(exporter) = self.0 {
            exporter.end().await;
        }
    }
}

type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logs to stdout and, with an endpoint, traces to it; what is logged can be changed at the platform from then on, and a
/// panic is logged, with where it happened. Call it once, within a tokio runtime.
///
/// # Errors
/// [`Error::Filter`], [`Error::Started`]
pub fn start(platform: &mut Platform, args: &TelemetryArgs) -> Result<Telemetry, Error> {
    let filter = level::targets(&args.log_level).map_err(Error::Filter)?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = Lines { service: platform.service.name, format: args.log_format, writer: io::stdout };
    let log: BoxLayer = lines.with_filter(filter).boxed();
    let has_spans = args.otlp_endpoint.is_some();
    // The hint spares all finer lines the question.
    let wrong = filter_fn(SpanEvents::takes).with_max_level_hint(LevelFilter::WARN);
    let events: Option<BoxLayer> = has_spans.then(|| SpanEvents.with_filter(wrong).boxed());
    let layers: Vec<BoxLayer> = [Some(log), events].into_iter().flatten().collect();
    Registry::default().with(layers).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    platform.log_level = LogLevel::new(handle);
    Ok(Telemetry(Exporter::start(platform, args)))
}

/// Which process speaks, among those of its service.
pub(crate) fn instance() -> String {
    // In a pod its name.
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let process = std::process::id();
    host.map_or_else(|| process.to_string(), |host| format!("{host}/{process}"))
}

/// How long a collector may take to be reached, and to answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(3);

/// A channel to the collector, which connects when it is first used.
pub(crate) fn collector(platform: &Platform, endpoint: Uri) -> Channel {
    Endpoint::from(endpoint).connect_timeout(LIMIT).connect_with_connector_lazy(platform.connector.clone())
}

/// Who speaks: the service, and which of its replicas.
pub(crate) fn resource(service: Service) -> Resource {
    let instance = instance();
    let attributes = [
        ("service.name", service.name),
        ("service.version", service.version),
        ("service.namespace", "madang"),
        ("service.instance.id", &instance),
    ];
    let attributes = attributes.map(|(name, value)| text_attribute(name, value)).into();
    Resource { attributes, ..Resource::default() }
}

/// An attribute, as OTLP has it.
pub(crate) fn text_attribute(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("no text");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(panic = text, place, "a panic");
}
