//! Hand-made spans, as services export them.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{self, Client, Consumer, Internal, Server};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

/// The order of [`order`].
pub(crate) const ORDER: &str = "01a20579-d5ad-72cb-bce0-0cea2e31807f";
/// Its trace.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// An attribute that is a text.
pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// Spans of a service.
pub(crate) fn of(service: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// The bytes of an id.
pub(crate) fn trace_id(hex: &str) -> Vec<u8> {
    u128::from_str_radix(hex, 16).unwrap_or_default().to_be_bytes().to_vec()
}

/// When, in microseconds after `begin`, which is in nanoseconds since 1970.
pub(crate) struct Story {
    pub(crate) begin: u64,
    pub(crate) trace: Vec<u8>,
    pub(crate) order: &'static str,
}

impl Story {
    /// A span of this order.
    pub(crate) fn span(
        &self,
        (id, parent): (u8, u8),
        (name, kind): (&str, SpanKind),
        (from, to): (u64, u64),
    ) -> Span {
        Span {
            trace_id: self.trace.clone(),
            span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
            parent_span_id: if parent == 0 { Vec::new() } else { vec![0, 0, 0, 0, 0, 0, 0, parent] },
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: self.begin + from * 1_000,
            end_time_unix_nano: self.begin + to * 1_000,
            attributes: vec![text("madang.order.id", self.order)],
            ..Span::default()
        }
    }
}

fn failed(mut span: Span, code: &str, reason: &str) -> Span {
    span.status = Some(Status { code: StatusCode::Error.into(), message: String::new() });
    span.attributes.extend([text("rpc.response.status_code", code), text("error.type", reason)]);
    span
}

fn database(mut span: Span) -> Span {
    span.attributes.push(text("db.system.name", "sqlite"));
    span
}

fn warned(mut span: Span, at: u64, message: &str) -> Span {
    let attributes = vec![text("level", "WARN")];
    let time_unix_nano = span.start_time_unix_nano + at * 1_000;
    span.events.push(Event { time_unix_nano, name: message.to_owned(), attributes, ..Event::default() });
    span
}

const PLACE: &str = "madang.orders.v1.OrdersService/PlaceOrder";
const RESERVE: &str = "madang.inventory.v1.InventoryService/ReserveStock";
const RELEASE: &str = "madang.inventory.v1.InventoryService/ReleaseStock";
const AUTHORIZE: &str = "madang.payments.v1.PaymentsService/AuthorizePayment";
const QUOTE: &str = "madang.shipping.v1.ShippingService/QuoteShipping";
const WRITE: &str = "write order-path";

/// An order with a declined card: asked twice, undone, and told by an event. Its spans, as each service exports them.
pub(crate) fn order(begin: u64) -> Vec<ResourceSpans> {
    let story = Story { begin, trace: trace_id(TRACE), order: ORDER };
    let span = |ids, name_and_kind, times| story.span(ids, name_and_kind, times);
    let declined =
        failed(span((18, 10), (AUTHORIZE, Server), (23_200, 29_100)), "FAILED_PRECONDITION", "CARD_DECLINED");
    vec![
        of(
            "gateway",
            vec![
                span((1, 0), ("POST /api/orders", Server), (0, 41_200)),
                span((2, 1), (PLACE, Client), (300, 40_900)),
            ],
        ),
        of("orders", orders(&story)),
        of("shipping", vec![span((5, 4), (QUOTE, Server), (1_200, 1_900))]),
        of(
            "inventory",
            vec![
                span((14, 8), (RESERVE, Server), (4_600, 7_300)),
                database(span((15, 14), (WRITE, Client), (4_800, 7_100))),
                span((16, 12), (RELEASE, Server), (30_100, 33_300)),
                database(span((17, 16), (WRITE, Client), (30_300, 33_000))),
            ],
        ),
        of("payments", vec![declined, database(span((19, 18), (WRITE, Client), (25_000, 28_900)))]),
        of(
            "notifications",
            vec![
                span((20, 13), ("apply OrderRejected", Consumer), (58_000, 63_000)),
                database(span((21, 20), ("write events", Client), (58_400, 62_700))),
            ],
        ),
    ]
}

fn orders(story: &Story) -> Vec<Span> {
    let span = |ids, name_and_kind, times| story.span(ids, name_and_kind, times);
    let no_answer = failed(span((9, 7), (AUTHORIZE, Client), (7_700, 12_800)), "UNAVAILABLE", "UNAVAILABLE");
    let declined = span((10, 7), (AUTHORIZE, Client), (22_900, 29_400));
    vec![
        span((3, 2), (PLACE, Server), (700, 40_500)),
        span((4, 3), (QUOTE, Client), (900, 2_100)),
        database(span((6, 3), (WRITE, Client), (2_300, 4_000))),
        span((7, 3), ("saga place-order forward", Internal), (4_100, 29_600)),
        span((8, 7), (RESERVE, Client), (4_300, 7_600)),
        warned(no_answer, 5_000, "no answer; asking again"),
        failed(declined, "FAILED_PRECONDITION", "CARD_DECLINED"),
        span((11, 3), ("saga place-order backward", Internal), (29_700, 40_200)),
        span((12, 11), (RELEASE, Client), (29_900, 33_500)),
        database(span((13, 11), (WRITE, Client), (36_000, 40_000))),
    ]
}

/// A request to cancel the same order: a trace of its own that belongs to the first.
pub(crate) fn cancellation(begin: u64) -> Vec<ResourceSpans> {
    let story = Story { begin, trace: trace_id(&TRACE.replace('4', "5")), order: ORDER };
    let cancel = "madang.orders.v1.OrdersService/CancelOrder";
    let mut answer = story.span((2, 1), (cancel, Server), (900, 4_000));
    answer.links.push(Link {
        trace_id: trace_id(TRACE),
        span_id: vec![0, 0, 0, 0, 0, 0, 0, 3],
        ..Link::default()
    });
    let request = story.span((1, 0), ("POST /api/orders/{order_id}/cancel", Server), (0, 5_000));
    vec![of("gateway", vec![request]), of("orders", vec![answer])]
}
