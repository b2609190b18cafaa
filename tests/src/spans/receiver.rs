use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span as Told, status::StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::Span;

/// Takes what services export, for as long as it lives.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    spans: Spans,
    // Ends with this.
    _server: JoinSet<()>,
}

#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<Span>>>);

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn start() -> Result<Self> {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    /// Listens there.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn start_at(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (address, spans) = (listener.local_addr()?, Spans::default());
        let service = TraceServiceServer::new(spans.clone()).max_decoding_message_size(usize::MAX);
        let serving =
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        let mut server = JoinSet::new();
        server.spawn(async move { drop(serving.await) });
        Ok(Self { address, spans, _server: server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for `MADANG_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those of all traces that have a span of this order.
    pub fn of_order(&self, order: &str) -> Vec<Span> {
        let all = self.spans();
        let is_of = |span: &Span| all.iter().any(|other| other.trace == span.trace && other.order() == order);
        all.iter().filter(|span| is_of(span)).cloned().collect()
    }
}

#[tonic::async_trait]
impl TraceService for Spans {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let told = request.into_inner().resource_spans.into_iter().flat_map(read);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(of: ResourceSpans) -> Vec<Span> {
    let resource = of.resource.unwrap_or_default().attributes;
    let service =
        resource.into_iter().find(|told| told.key == "service.name").map(|told| text(told.value.as_ref()));
    let service = service.unwrap_or_default();
    let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| one(&service, span)).collect()
}

fn one(service: &str, told: Told) -> Span {
    let count = told.attributes.len();
    let attribute = |told: KeyValue| (told.key, text(told.value.as_ref()));
    let attributes: BTreeMap<String, String> = told.attributes.into_iter().map(attribute).collect();
    assert_eq!(attributes.len(), count, "{} tells an attribute twice", told.name);
    Span {
        trace: hex(&told.trace_id),
        id: hex(&told.span_id),
        parent: hex(&told.parent_span_id),
        service: service.to_owned(),
        name: told.name,
        start: told.start_time_unix_nano,
        end: told.end_time_unix_nano,
        is_error: told.status.is_some_and(|status| status.code() == StatusCode::Error),
        attributes,
        links: told.links.iter().map(|link| hex(&link.trace_id)).collect(),
        events: told.events.into_iter().map(|event| event.name).collect(),
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}
