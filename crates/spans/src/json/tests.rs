use serde_json::json;

use super::*;
use crate::testing::span as made;
use crate::{Link, SpanId, TraceId};

#[test]
fn spans_are_read_as_they_were_written() {
    let mut it = made(2, Some(1)).of("orders", Kind::Client).failed().with("madang.order.id", "o1").0;
    it.instance = "one".to_owned();
    it.outcome = Outcome::Error("no".to_owned());
    it.attributes.extend([
        ("n".to_owned(), Value::Int(i64::MIN)),
        ("b".to_owned(), Value::Bool(true)),
        ("d".to_owned(), Value::Double(0.5)),
    ]);
    it.events =
        vec![Event { time: 5, name: "no answer".into(), attributes: vec![("level".into(), "WARN".into())] }];
    let (trace_id, span_id) = (TraceId::from_bytes(&[1; 16]).unwrap(), SpanId::from_bytes(&[2; 8]).unwrap());
    it.links = vec![Link { trace_id, span_id }];
    let others = [made(1, None).of("gateway", Kind::Server).0, made(3, None).of("gateway", Kind::Consumer).0];
    let all = [it, others[0].clone(), others[1].clone()];
    let mut read = spans(&json!({ "result": traces_data(&all) }));
    read.sort_by_key(|span| span.span_id);
    assert_eq!(read, [others[0].clone(), all[0].clone(), others[1].clone()]);
}

/// As Jaeger 2 answers.
#[test]
fn an_answer_of_jaeger_is_read() {
    let answer = json!({"result": {"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]},
        "scopeSpans": [{"scope": {"name": "madang"}, "spans": [{
            "traceId": "345f4fa78f5fc9e04b78a01e62774c89", "spanId": "60a7a441df25c4c6", "flags": 257,
            "name": "/grpc.health.v1.Health/Check", "kind": 2,
            "startTimeUnixNano": "1795719568607647807", "endTimeUnixNano": "1795719568607762723",
            "attributes": [{"key": "busy_ns", "value": {"intValue": "60559"}}], "status": {},
        }]}],
    }]}});
    let read = spans(&answer);
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].service.as_str(), read[0].kind, read[0].parent), ("orders", Kind::Server, None));
    assert_eq!((read[0].duration(), &read[0].outcome), (114_916, &Outcome::Unset));
    assert_eq!(read[0].attribute("busy_ns"), Some(&Value::Int(60_559)));
}

#[test]
fn enums_are_read_by_name_too() {
    let answer = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "345f4fa78f5fc9e04b78a01e62774c89", "spanId": "60a7a441df25c4c6", "kind": "SPAN_KIND_CONSUMER",
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"}, "startTimeUnixNano": 9, "endTimeUnixNano": 7,
    }]}]}]});
    let read = spans(&answer);
    assert_eq!((read[0].kind, &read[0].outcome), (Kind::Consumer, &Outcome::Error("no".to_owned())));
    assert_eq!((read[0].start, read[0].end), (9, 9), "an end before the start is none");
}

#[test]
fn what_is_no_span_is_left_out() {
    for bad in [
        json!(null),
        json!([]),
        json!({"result": 1}),
        json!({"resourceSpans": {}}),
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}, 1, null]}]}]}),
    ] {
        assert!(spans(&bad).is_empty(), "{bad}");
    }
}
