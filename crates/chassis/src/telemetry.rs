//! Logs and traces of a process.

use std::io;

use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::Platform;
use crate::config::TelemetryArgs;
use crate::trace::span::Recorder;

mod events;
mod fields;
mod level;
mod lines;
mod otlp;

use events::SpanEvents;
pub use level::{LevelError, LogLevel};
use lines::Lines;

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
pub struct Guard(());

type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logs to stdout and, with an endpoint, traces to it; what is logged can be changed at the platform from then on, and a
/// panic is logged, with where it happened. Call it once, within a tokio runtime.
///
/// # Errors
/// [`Error::Filter`], [`Error::Started`], [`Error::Export`]
pub fn start(platform: &mut Platform, args: &TelemetryArgs) -> Result<Guard, Error> {
    let filter = EnvFilter::try_new(&args.log_level)?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = Lines { service: platform.service.name, format: args.log_format, writer: io::stdout };
    let log: BoxLayer = lines.with_filter(filter).boxed();
    let is_exporting = otlp::start(platform, args)?;
    let events: Option<BoxLayer> =
        is_exporting.then(|| SpanEvents.with_filter(filter_fn(SpanEvents::takes)).boxed());
    let layers: Vec<BoxLayer> = [Some(log), events].into_iter().flatten().collect();
    Registry::default().with(layers).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    platform.log_level = LogLevel::new(handle);
    Ok(Guard(()))
}

/// Which process speaks, among those of its service.
pub(crate) fn instance() -> String {
    // In a pod its name.
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let process = std::process::id();
    host.map_or_else(|| process.to_string(), |host| format!("{host}/{process}"))
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
