//! Logs and traces of a process.

use std::io;

use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::TelemetryArgs;
use crate::trace::span::Recorder;
use crate::{Platform, Service};

mod events;
mod fields;
mod level;
mod lines;
mod otlp;
mod spans;

use events::SpanEvents;
pub use level::{LevelError, LogLevel};
use lines::Lines;
use spans::Spans;

/// Why a process cannot tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter of the log is not one.
    #[error("the log filter cannot be read")]
    Filter(#[from] ParseError),
    /// Something else in the process logs already.
    #[error("telemetry was started before")]
    Started(#[from] TryInitError),
    /// Traces cannot be exported.
    #[error("traces cannot be exported")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps telemetry running; on drop, what waits for export is sent.
#[derive(Debug)]
#[must_use = "dropping it ends the export of traces"]
pub struct Guard {
    level: LogLevel,
    spans: Spans,
}

type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logs to stdout and, with an endpoint, traces to it. Call it once, within a tokio runtime. A panic is logged from
/// then on, with the span that it happened in.
///
/// # Errors
/// [`Error::Filter`], [`Error::Started`], [`Error::Export`]
pub fn start(service: &Service, args: &TelemetryArgs) -> Result<Guard, Error> {
    let filter = EnvFilter::try_new(&args.log_level)?;
    let (filter, handle) = reload::Layer::new(filter);
    let spans = Spans::default();
    let lines = Lines { service: service.name, format: args.log_format, writer: io::stdout };
    let log: BoxLayer = lines.with_filter(filter).boxed();
    let is_exporting = otlp::start(service, args, &spans)?;
    let events: Option<BoxLayer> =
        is_exporting.then(|| SpanEvents.with_filter(filter_fn(SpanEvents::takes)).boxed());
    let layers: Vec<BoxLayer> = [Some(log), events].into_iter().flatten().collect();
    Registry::default().with(layers).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Guard { level: LogLevel::new(handle), spans })
}

impl Guard {
    /// Shows on the admin port what becomes of the spans, and lets what is logged be changed there.
    pub fn show(&self, platform: &mut Platform) {
        self.spans.register(&platform.metrics);
        platform.log_level = self.level.clone();
    }
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("no text");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(panic = text, place, "a panic");
}

impl Drop for Guard {
    fn drop(&mut self) {
        Recorder::stop(otlp::EXPORT_TIMEOUT);
    }
}
