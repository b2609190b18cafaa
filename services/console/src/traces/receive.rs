use madang_spans::{Event, Kind, Link, Outcome, Span, SpanId, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use tonic::{Request, Response, Status};

use super::Traces;
use text::Room;

mod text;

/// Events and links of a span, at most.
const EVENTS: usize = 64;
const LINKS: usize = 16;

/// Takes what services export.
#[derive(Debug)]
pub(super) struct Receiver {
    traces: Traces,
}

impl Receiver {
    pub(super) fn new(traces: Traces) -> Self {
        Self { traces }
    }

    /// Keeps all spans; answers how many are none.
    fn take(&self, request: ExportTraceServiceRequest) -> i64 {
        let mut rejected = 0;
        for resource in request.resource_spans {
            let of = Of::new(resource.resource);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                match of.read(span) {
                    Some(span) => self.traces.add(span),
                    None => rejected += 1,
                }
            }
        }
        rejected
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let rejected_spans = self.take(request.into_inner());
        let partial_success = (rejected_spans > 0).then(|| ExportTracePartialSuccess {
            rejected_spans,
            error_message: "these spans have no valid trace id and span id".to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// Whose spans they are.
struct Of {
    service: String,
    instance: String,
}

impl Of {
    fn new(resource: Option<Resource>) -> Self {
        let attributes = resource.map(|resource| resource.attributes).unwrap_or_default();
        let text = |name: &str| {
            let found = attributes.iter().find(|attribute| attribute.key == name);
            let value = found.and_then(|attribute| attribute.value.as_ref());
            value.map(|value| text::cut(&text::value(value).to_string(), text::NAME)).unwrap_or_default()
        };
        let (service, instance) = (text("service.name"), text("service.instance.id"));
        Self { service: if service.is_empty() { "unknown".to_owned() } else { service }, instance }
    }

    /// A span within its bounds; none where its ids are not valid.
    fn read(&self, span: otlp::Span) -> Option<Span> {
        let mut room = Room::new();
        let start = span.start_time_unix_nano;
        Some(Span {
            trace_id: TraceId::from_bytes(&span.trace_id)?,
            span_id: SpanId::from_bytes(&span.span_id)?,
            parent: SpanId::from_bytes(&span.parent_span_id),
            kind: kind(span.kind()),
            name: text::cut(&span.name, text::NAME),
            service: self.service.clone(),
            instance: self.instance.clone(),
            start,
            end: span.end_time_unix_nano.max(start),
            outcome: span.status.map(outcome).unwrap_or_default(),
            attributes: attributes(&span.attributes, &mut room),
            events: span.events.iter().take(EVENTS).map(|it| event(it, &mut room)).collect(),
            links: span.links.iter().take(LINKS).filter_map(link).collect(),
        })
    }
}

/// Order first: the trace is found by it, whatever else there is no room for.
fn attributes(attributes: &[KeyValue], room: &mut Room) -> Vec<(String, madang_spans::Value)> {
    let is_order = |it: &&KeyValue| it.key == madang_spans::ORDER_ID;
    let order = attributes.iter().filter(is_order).take(1);
    let others = attributes.iter().filter(|it| !is_order(it));
    order.chain(others).map_while(|it| room.take(it)).collect()
}

fn event(event: &otlp::span::Event, room: &mut Room) -> Event {
    let name = text::cut(&event.name, text::NAME);
    Event { time: event.time_unix_nano, name, attributes: attributes(&event.attributes, room) }
}

fn link(link: &otlp::span::Link) -> Option<Link> {
    let (trace_id, span_id) = (TraceId::from_bytes(&link.trace_id)?, SpanId::from_bytes(&link.span_id)?);
    Some(Link { trace_id, span_id })
}

fn outcome(status: otlp::Status) -> Outcome {
    match status.code() {
        otlp::status::StatusCode::Unset => Outcome::Unset,
        otlp::status::StatusCode::Ok => Outcome::Ok,
        otlp::status::StatusCode::Error => Outcome::Error(text::cut(&status.message, text::TEXT)),
    }
}

fn kind(kind: otlp::span::SpanKind) -> Kind {
    use otlp::span::SpanKind;
    match kind {
        SpanKind::Unspecified => Kind::Unspecified,
        SpanKind::Internal => Kind::Internal,
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}
