use anstream::adapter::strip_str;
use madang_api::orders::v1::OrderState;
use madang_spans::testing::bare;
use madang_spans::{Outcome, Value};
use serde_json::json;

use super::*;
use crate::trace::tell;

pub(in crate::trace) const BEGIN: u64 = 1_795_719_568_000_000_000;

/// A span of the service `orders`; times are in milliseconds after the beginning.
pub(in crate::trace) fn span(id: u64, parent: Option<u64>, (from, to): (u64, u64)) -> Span {
    bare(id, parent, (BEGIN + from * 1_000_000, BEGIN + to * 1_000_000))
}

fn call(id: u64, parent: u64, times: (u64, u64), reason: Option<&str>) -> Span {
    let mut span = span(id, Some(parent), times);
    span.name = "madang.payments.v1.PaymentsService/AuthorizePayment".to_owned();
    span.kind = Kind::Client;
    if let Some(reason) = reason {
        span.outcome = Outcome::Error(String::new());
        span.attributes.push(("error.type".to_owned(), Value::from(reason)));
    }
    span
}

/// An order whose card is declined at the second try.
fn found() -> Found {
    let mut first = call(3, 2, (2, 6), Some("UNAVAILABLE"));
    let level = ("level".to_owned(), Value::from("WARN"));
    first.events =
        vec![Event { time: BEGIN + 6_000_000, name: "no answer\u{1b}[2J".into(), attributes: vec![level] }];
    let mut told = span(6, Some(5), (30, 35));
    (told.kind, told.service) = (Kind::Consumer, "notifications".to_owned());
    let mut root = span(1, None, (0, 20));
    root.name = "POST /api/orders".to_owned();
    let spans = vec![
        root,
        span(2, Some(1), (1, 12)),
        first,
        call(4, 2, (8, 11), Some("CARD_DECLINED")),
        span(5, Some(1), (13, 19)),
        told,
    ];
    Found { traces: vec![Tree::of(spans)], is_settled: true, cut: 0 }
}

#[test]
fn a_tree_tells_failures_repeats_events_and_the_critical_path() {
    let mut order = Order { order_id: "o1".into(), reason: "CARD_DECLINED".into(), ..Order::default() };
    order.set_state(OrderState::Rejected);
    let told = strip_str(&text(Some(&order), &found())).to_string();
    let expected = "\
order o1: REJECTED CARD_DECLINED

trace 07070707070707070707070707070707, began 2026-11-26T18:59:28.000Z
answered after 20.0 ms, last span ended after 35.0 ms; 6 spans of 2 services
     after     took  service        span
◆  0.00 ms  20.0 ms  orders         POST /api/orders
◆  1.00 ms  11.0 ms  orders         ├ s2
◆  2.00 ms  4.00 ms  orders         │ ├ → PaymentsService/AuthorizePayment  ✕ UNAVAILABLE
                                    │ │ ! WARN no answer [2J (+4.00 ms)
◆  8.00 ms  3.00 ms  orders         │ └ → PaymentsService/AuthorizePayment  ✕ CARD_DECLINED  again, 2 of 2
◆  13.0 ms  6.00 ms  orders         └ s5
◇  30.0 ms  5.00 ms  notifications    └ ⇢ s6

    own   %  service        most of the critical path
6.00 ms  24  orders         s5
5.00 ms  20  notifications  s6
4.00 ms  16  orders         s2
4.00 ms  16  orders         PaymentsService/AuthorizePayment
3.00 ms  12  orders         POST /api/orders
";
    assert_eq!(told, expected);
}

#[test]
fn programs_are_told_the_same() {
    let value = tell::value(None, &found());
    assert_eq!(value["complete"], true);
    let trace = &value["traces"][0];
    assert_eq!((&trace["answered_ns"], &trace["duration_ns"]), (&json!(20_000_000), &json!(35_000_000)));
    let again = &trace["spans"][3];
    assert_eq!(
        again,
        &json!({
            "span_id": "0000000000000004", "parent_id": "0000000000000002", "depth": 2, "orphan": false, "parent_under_way": false,
            "service": "orders", "name": "madang.payments.v1.PaymentsService/AuthorizePayment", "kind": "client",
            "offset_ns": 8_000_000, "duration_ns": 3_000_000, "clock_moved_ns": 0,
            "error": "CARD_DECLINED", "again": { "number": 2, "of": 2 },
            "critical": "answer", "critical_ns": 3_000_000,
            "attributes": { "error.type": "CARD_DECLINED" }, "events": [], "links": [],
        })
    );
    assert_eq!(trace["spans"][5]["critical"], "end");
    assert_eq!(trace["spans"][2]["events"][0]["attributes"]["level"], "WARN");
}

#[test]
fn a_span_without_a_parent_says_so() {
    let orphan = Found { traces: vec![Tree::of(vec![span(3, Some(2), (1, 2))])], is_settled: false, cut: 0 };
    let told = strip_str(&text(None, &orphan)).to_string();
    assert!(told.contains("s3  no parent here") && told.contains("\nno answer here; 1 spans"), "{told}");
    let trace = &tell::value(None, &orphan)["traces"][0];
    let span = &trace["spans"][0];
    assert_eq!((&trace["answered_ns"], &span["orphan"]), (&json!(null), &json!(true)));
}

#[test]
fn a_span_whose_parent_has_not_ended_says_so() {
    let spans = vec![span(1, None, (0, 9)), span(3, Some(2), (1, 2))];
    let found = Found { traces: vec![Tree::of(spans).under_way()], is_settled: true, cut: 0 };
    let told = strip_str(&text(None, &found)).to_string();
    assert!(told.contains("s3  its parent is under way") && !told.contains("no parent"), "{told}");
    let value = tell::value(None, &found);
    let span = &value["traces"][0]["spans"][1];
    assert_eq!((&span["orphan"], &span["parent_under_way"]), (&json!(false), &json!(true)));
    assert_eq!(value["complete"], false);
}

#[test]
fn a_very_deep_tree_is_drawn_in_bounded_width() {
    let deep = (1..=200).map(|id| span(id, (id > 1).then(|| id - 1), (0, 1))).collect();
    let told = text(None, &Found { traces: vec![Tree::of(deep)], is_settled: true, cut: 0 });
    assert!(strip_str(&told).to_string().lines().take(150).all(|line| line.chars().count() < 160));
}
