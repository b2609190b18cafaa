use madang_types::OrderId;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::{Event as ToldEvent, Link};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Status, status::StatusCode};

use super::*;
use crate::trace::span;

const ORDER: Uuid = Uuid::from_u128(0x01a2_1996_2645_751b_8f31_ca19_3f22_2c4d);

fn place(trace: u128, span: u64) -> TraceContext {
    TraceContext { trace, span, flags: 1 }
}

/// What is told of a span, from its beginning.
fn told(parent: Option<u64>, tell: impl FnOnce(&mut Told)) -> Told {
    let mut told = Told::default();
    super::begin(&mut told.written, &place(1, 2), parent, (SpanKind::Server, 10));
    tell(&mut told);
    told
}

/// Spans that were written one after the other, as any reader of OTLP sees them.
fn read(spans: &[Told], order: Option<OrderId>) -> Vec<Span> {
    let mut out = Vec::new();
    for span in spans {
        super::span(&mut out, span, u64::MAX, order);
    }
    ScopeSpans::decode(&*out).unwrap().spans
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(value: &str) -> any_value::Value {
    any_value::Value::StringValue(value.to_owned())
}

#[test]
fn a_span_is_read_as_it_was_told() {
    let long = "x".repeat(20_000);
    let known = span::known(|span| {
        span.name(&["apply", "OrderPlaced"]).add("a", "static");
    });
    let told = told(Some(9), |span| {
        span.add_known(&known).add("b", -7_i64).add("c", true).add("d", ORDER).link(place(3, 4)).fail();
        span.request(&"one".into()).request(&"another".into());
        super::event(&mut span.written, (&long, 11), [("e", long.as_str().into())]);
        span.events = EVENTS + 300;
    });
    let values = [
        attribute("a", text("static")),
        attribute("b", any_value::Value::IntValue(-7)),
        attribute("c", any_value::Value::BoolValue(true)),
        attribute("d", text(&ORDER.to_string())),
        attribute(names::REQUEST, text("another")),
        attribute(names::ORDER, text(&ORDER.to_string())),
    ];
    let event = ToldEvent {
        time_unix_nano: 11,
        name: long.clone(),
        attributes: vec![attribute("e", text(&long))],
        ..ToldEvent::default()
    };
    let (trace_id, span_id) = (3_u128.to_be_bytes().to_vec(), 4_u64.to_be_bytes().to_vec());
    let expected = Span {
        trace_id: 1_u128.to_be_bytes().to_vec(),
        span_id: 2_u64.to_be_bytes().to_vec(),
        parent_span_id: 9_u64.to_be_bytes().to_vec(),
        name: "apply OrderPlaced".to_owned(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: 10,
        end_time_unix_nano: u64::MAX,
        attributes: values.into(),
        events: vec![event],
        dropped_events_count: 300,
        links: vec![Link { trace_id, span_id, flags: 1, ..Link::default() }],
        status: Some(Status { code: StatusCode::Error.into(), ..Status::default() }),
        flags: 1,
        ..Span::default()
    };
    assert_eq!(read(&[told], Some(OrderId::new(ORDER))), [expected]);
}

#[test]
fn a_span_has_so_many_events_and_counts_the_rest() {
    let told = told(None, |span| {
        for _ in 0..EVENTS + 3 {
            span.event("again", []);
        }
    });
    let read = read(&[told], None);
    assert_eq!((read[0].events.len(), read[0].dropped_events_count), (EVENTS, 3));
}

#[test]
#[should_panic(expected = "a is told twice")]
#[cfg(debug_assertions)]
fn an_attribute_is_told_once() {
    told(None, |span| {
        span.add("a", 1_i64).add("a", 2_i64);
    });
}

#[test]
fn spans_of_any_length_stand_one_after_the_other() {
    // Around each length at which its own number takes a byte more.
    let lengths = (0..300).chain(16_200..16_500);
    let texts: Vec<String> = lengths.map(|length| "n".repeat(length)).collect();
    let told = |text: &String| {
        told(None, |span| {
            span.name(&[text]).add("a", text.as_str());
        })
    };
    let read = read(&texts.iter().map(told).collect::<Vec<_>>(), None);
    assert_eq!(read.len(), texts.len());
    for (span, expected) in read.iter().zip(&texts) {
        assert_eq!((&span.name, span.parent_span_id.len()), (expected, 0));
        assert_eq!(span.attributes, [attribute("a", text(expected))]);
    }
}
