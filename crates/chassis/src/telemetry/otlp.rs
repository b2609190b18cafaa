use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::spans::Spans;
use super::{BoxLayer, Error};
use crate::Service;
use crate::config::TelemetryArgs;
use crate::trace::spans::TASKS;

/// Spans that wait for export or are on their way; further ones are dropped.
const QUEUE: usize = 8192;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_millis(500);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Exports traces until it is flushed.
#[derive(Debug)]
pub(super) struct Exporter(SdkTracerProvider);

/// Exports traces, where there is an endpoint.
pub(super) fn start(
    service: &Service,
    args: &TelemetryArgs,
    spans: &Spans,
) -> Result<Option<(BoxLayer, Exporter)>, Error> {
    let Some(endpoint) = &args.otlp_endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.to_string())
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| Error::Export(error.into()))?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(EVERY)
        .build();
    let state =
        Arc::new(State { spans: spans.clone(), waiting: AtomicUsize::new(0), fails: AtomicBool::new(false) });
    let counted = Counted { inner: exporter, state: Arc::clone(&state) };
    let inner = BatchSpanProcessor::builder(counted).with_batch_config(batches).build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(service))
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(args.trace_ratio))))
        .with_span_processor(Bounded { inner, state })
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("madang"))
        // Each costs time on every span, and none says what the attributes do not.
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_context_activation(false)
        .with_filter(filter_fn(is_told));
    Ok(Some((layer.boxed(), Exporter(provider))))
}

/// Who speaks: the service, and which of its replicas.
fn resource(service: &Service) -> Resource {
    // In a pod its name.
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let process = std::process::id();
    let instance = host.map_or_else(|| process.to_string(), |host| format!("{host}/{process}"));
    Resource::builder()
        .with_service_name(service.name)
        .with_attribute(KeyValue::new("service.namespace", "madang"))
        .with_attribute(KeyValue::new("service.version", service.version))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .build()
}

/// Our own spans, and what went wrong in them: warnings and errors outlive the process in its trace. Spans of the transport
/// would make the exporter trace its own calls.
fn is_told(metadata: &Metadata<'_>) -> bool {
    let most = if metadata.is_span() { Level::INFO } else { Level::WARN };
    metadata.target().starts_with("madang") && metadata.target() != TASKS && *metadata.level() <= most
}

impl Exporter {
    /// Sends what waits.
    pub(super) fn flush(self) {
        if let Err(error) = self.0.shutdown_with_timeout(EXPORT_TIMEOUT) {
            tracing::debug!(error = %error, "the last traces were not exported");
        }
    }
}

#[derive(Debug)]
struct State {
    spans: Spans,
    waiting: AtomicUsize,
    fails: AtomicBool,
}

/// Keeps the queue within its bound, and counts what does not fit.
#[derive(Debug)]
struct Bounded {
    inner: BatchSpanProcessor,
    state: Arc<State>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.state.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
            self.state.spans.dropped("queue_full", 1);
            return;
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts what is exported and what is not, and says when that changes.
#[derive(Debug)]
struct Counted {
    inner: SpanExporter,
    state: Arc<State>,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let exported = self.inner.export(batch).await;
        let State { spans, waiting, fails } = &*self.state;
        waiting.fetch_sub(count, Ordering::Relaxed);
        match &exported {
            Ok(()) => {
                spans.exported(count);
                if fails.swap(false, Ordering::Relaxed) {
                    tracing::info!("traces are exported again");
                }
            }
            Err(error) => {
                spans.dropped("export_failed", count);
                if !fails.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "traces cannot be exported: they are dropped until they can");
                }
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
