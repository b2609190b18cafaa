//! Spans to an OpenTelemetry collector.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use prost::Message;
use tokio::time::{sleep, timeout};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::LIMIT;
use crate::config::TelemetryArgs;
use crate::metrics::spans::Spans;
use crate::trace::queue::{Batch, Queue};
use crate::trace::span::Recorder;
use crate::trace::wire;
use crate::{Platform, Shutdown, Tasks, chain};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// How long a span waits at most for others to go with it.
const EVERY: Duration = Duration::from_millis(500);

/// `ExportTraceServiceRequest` of one resource whose message is written already: on the wire bytes look the same.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(bytes = "bytes", tag = "1")]
    resource_spans: Bytes,
}

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the collector did not answer in time")]
    Late,
    #[error("the collector did not take them")]
    Refused(#[source] Status),
    #[error("the collector took them but for {0} spans: {1}")]
    Partly(usize, String),
}

/// Sends the spans of this process in the background.
#[derive(Debug)]
pub(super) struct Exporter {
    tasks: Tasks,
    end: Shutdown,
}

impl Exporter {
    /// Has spans recorded and exported, where there is an endpoint.
    pub(super) fn start(platform: &Platform, args: &TelemetryArgs) -> Option<Self> {
        let endpoint = args.otlp_endpoint.clone()?;
        let sender = Sender::new(platform, endpoint);
        let (queue, counts) = (Arc::clone(&sender.queue), sender.counts.clone());
        Recorder { queue, counts, ratio: args.trace_ratio }.start();
        // Apart from the service's tasks, whose spans are to be sent too.
        let exporter = Self { tasks: Tasks::new(platform.shutdown.clone()), end: Shutdown::new() };
        exporter.tasks.spawn("otlp-traces", sender.run(exporter.end.clone()));
        Some(exporter)
    }

    /// Sends what waits, for as long as one export may take, and no more.
    pub(super) async fn end(self) {
        self.end.begin();
        if !self.tasks.wait(LIMIT).await {
            tracing::debug!("the last traces were not exported");
        }
    }
}

#[derive(Debug)]
struct Sender {
    client: Grpc<Channel>,
    /// Messages that all requests hold.
    resource: Vec<u8>,
    scope: Vec<u8>,
    queue: Arc<Queue>,
    counts: Spans,
    fails: bool,
}

impl Sender {
    fn new(platform: &Platform, endpoint: Uri) -> Self {
        let scope = InstrumentationScope { name: "madang".to_owned(), ..InstrumentationScope::default() };
        Self {
            client: Grpc::new(super::collector(platform, endpoint)),
            resource: super::resource(platform.service).encode_to_vec(),
            scope: scope.encode_to_vec(),
            queue: Arc::default(),
            counts: platform.metrics.spans().clone(),
            fails: false,
        }
    }

    async fn run(mut self, end: Shutdown) {
        loop {
            let (ends, all) = tokio::select! {
                biased;
                () = end.begun() => (true, true),
                () = self.queue.filled() => (false, false),
                () = sleep(EVERY) => (false, true),
            };
            for batch in self.queue.take(all) {
                self.send(batch).await;
            }
            if ends {
                return;
            }
        }
    }

    /// Sends a batch once. What a collector does not take is lost, and counted.
    async fn send(&mut self, batch: Batch) {
        let count = batch.spans;
        let exported = timeout(LIMIT, self.export(batch)).await.unwrap_or(Err(Error::Late));
        self.queue.left(count);
        let (reason, dropped) = match &exported {
            Ok(()) => ("", 0),
            Err(Error::Partly(refused, _)) => ("refused", (*refused).min(count)),
            Err(Error::Late | Error::Refused(_)) => ("export_failed", count),
        };
        self.counts.exported(count - dropped);
        if dropped > 0 {
            self.counts.dropped(reason, dropped);
        }
        self.say(&exported);
    }

    fn say(&mut self, exported: &Result<(), Error>) {
        match exported {
            Ok(()) if self.fails => tracing::info!("traces are exported again"),
            Err(error) if !self.fails => {
                let error = chain(error);
                tracing::warn!(error, "traces cannot be exported: they are dropped until they can");
            }
            Ok(()) | Err(_) => {}
        }
        self.fails = exported.is_err();
    }

    async fn export(&mut self, batch: Batch) -> Result<(), Error> {
        let request = Export { resource_spans: self.resource_spans(&batch).into() };
        self.client.ready().await.map_err(|error| Error::Refused(Status::from_error(error.into())))?;
        let codec = ProstCodec::<Export, ExportTraceServiceResponse>::default();
        let path = PathAndQuery::from_static(EXPORT);
        let answer = self.client.unary(Request::new(request), path, codec).await.map_err(Error::Refused)?;
        match answer.into_inner().partial_success {
            Some(partly) if partly.rejected_spans > 0 => {
                let refused = usize::try_from(partly.rejected_spans).unwrap_or(usize::MAX);
                Err(Error::Partly(refused, partly.error_message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The `ResourceSpans` of a batch.
    fn resource_spans(&self, batch: &Batch) -> Vec<u8> {
        const MORE: usize = 32;
        let mut out = Vec::with_capacity(self.resource.len() + self.scope.len() + batch.bytes.len() + MORE);
        wire::bytes(&mut out, 1, &self.resource);
        wire::message(&mut out, 2, |out| {
            wire::bytes(out, 1, &self.scope);
            out.extend_from_slice(&batch.bytes);
        });
        out
    }
}

#[cfg(test)]
mod tests;
