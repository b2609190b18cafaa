//! Logs and traces of a process.

use std::io;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, filter::ParseError, reload};

use crate::config::{LogFormat, TelemetryArgs};
use crate::{Platform, Service};

mod json;
mod level;
#[cfg(feature = "otlp")]
mod otlp;
mod spans;

pub use level::{LevelError, LogLevel};
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
    #[cfg(feature = "otlp")]
    exporter: Option<otlp::Exporter>,
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
    let log: BoxLayer = match args.log_format {
        LogFormat::Json => json::Lines::new(service.name, io::stdout).with_filter(filter).boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer().with_filter(filter).boxed(),
    };
    #[cfg(feature = "otlp")]
    let (traces, exporter) = otlp::start(service, args, &spans)?.unzip();
    #[cfg(not(feature = "otlp"))]
    let traces: Option<BoxLayer> = None;
    let layers: Vec<BoxLayer> = [Some(log), traces].into_iter().flatten().collect();
    Registry::default().with(layers).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    #[cfg(not(feature = "otlp"))]
    if args.otlp_endpoint.is_some() {
        tracing::warn!("this program is built without the feature otlp: traces are not exported");
    }
    Ok(Guard {
        level: LogLevel::new(handle),
        spans,
        #[cfg(feature = "otlp")]
        exporter,
    })
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

#[cfg(feature = "otlp")]
impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(exporter) = self.exporter.take() {
            exporter.flush();
        }
    }
}
