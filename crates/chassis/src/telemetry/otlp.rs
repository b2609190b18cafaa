use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::Error;
use crate::config::TelemetryArgs;
use crate::metrics::spans::Spans;
use crate::trace::span::Recorder;
use crate::{Platform, Service};

/// Spans that wait for export or are on their way; further ones are dropped.
const QUEUE: usize = 8192;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_millis(500);
pub(super) const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Exports traces, where there is an endpoint; tells whether.
pub(super) fn start(platform: &Platform, args: &TelemetryArgs) -> Result<bool, Error> {
    let Some(endpoint) = &args.otlp_endpoint else { return Ok(false) };
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
    let state = Arc::new(State {
        spans: platform.metrics.spans().clone(),
        waiting: AtomicUsize::new(0),
        fails: AtomicBool::new(false),
    });
    let counted = Counted { inner: exporter, state: Arc::clone(&state) };
    let mut inner = BatchSpanProcessor::builder(counted).with_batch_config(batches).build();
    inner.set_resource(&resource(&platform.service));
    Recorder { processor: Box::new(Bounded { inner, state }), ratio: args.trace_ratio }.start();
    Ok(true)
}

/// Who speaks: the service, and which of its replicas.
fn resource(service: &Service) -> Resource {
    Resource::builder()
        .with_service_name(service.name)
        .with_attribute(KeyValue::new("service.namespace", "madang"))
        .with_attribute(KeyValue::new("service.version", service.version))
        .with_attribute(KeyValue::new("service.instance.id", super::instance()))
        .build()
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
