use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{BoxLayer, Error};
use crate::Service;
use crate::config::TelemetryArgs;

/// Spans that wait for export; further ones are dropped.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Exports traces until it is flushed.
#[derive(Debug)]
pub(super) struct Exporter(SdkTracerProvider);

/// Exports traces, where there is an endpoint.
pub(super) fn start(service: &Service, args: &TelemetryArgs) -> Result<Option<(BoxLayer, Exporter)>, Error> {
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
        .with_scheduled_delay(Duration::from_secs(1))
        .build();
    let version = KeyValue::new("service.version", service.version);
    let resource = Resource::builder().with_service_name(service.name).with_attribute(version).build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(args.trace_ratio))))
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("madang"));
    Ok(Some((layer.with_filter(ours()).boxed(), Exporter(provider))))
}

/// Our own spans. Those of the transport would make the exporter trace its own calls.
fn ours() -> Targets {
    let foreign = ["h2", "hyper", "hyper_util", "tonic", "tower", "opentelemetry"];
    let off = foreign.into_iter().map(|target| (target, LevelFilter::OFF));
    Targets::new().with_default(LevelFilter::INFO).with_targets(off)
}

impl Exporter {
    /// Sends what waits.
    pub(super) fn flush(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::debug!(error = %error, "the last traces were not exported");
        }
    }
}
