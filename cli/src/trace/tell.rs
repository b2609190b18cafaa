//! Traces for programs.

use madang_api::orders::v1::Order;
use madang_spans::{Critical, Event, Node, Path, Place, Tree, Value as Attribute};
use serde_json::{Map, Value, json};

use super::settle::Found;
use super::show::time;
use crate::order::show::state_name;

/// Traces as one JSON value. Times are in nanoseconds; offsets count from the trace's start.
pub(super) fn value(order: Option<&Order>, found: &Found) -> Value {
    json!({
        "order_id": order.map(|order| &order.order_id),
        "state": order.map(|order| state_name(order.state())),
        "spans_cut": found.cut,
        "complete": found.is_settled && found.cut == 0 && found.traces.iter().all(Tree::is_whole),
        "traces": found.traces.iter().map(trace).collect::<Vec<_>>(),
    })
}

fn trace(tree: &Tree) -> Value {
    let path = Path::of(tree);
    let own = path.own();
    let spans = tree.nodes().iter().enumerate().map(|(at, node)| {
        let mark = path.marks().get(at).copied().flatten();
        span(tree, node, (mark, own.get(at).copied().unwrap_or_default()))
    });
    json!({
        "trace_id": tree.nodes().first().map(|node| node.span.trace_id.to_string()),
        "order_id": tree.order_id(),
        "start": time(tree.start()),
        "answered_ns": tree.has_root().then(|| tree.answered()),
        "duration_ns": tree.end() - tree.start(),
        "services": tree.services(),
        "spans": spans.collect::<Vec<_>>(),
    })
}

fn span(tree: &Tree, node: &Node, (mark, own): (Option<Critical>, u64)) -> Value {
    let span = &node.span;
    json!({
        "span_id": span.span_id.to_string(),
        "parent_id": span.parent.map(|parent| parent.to_string()),
        "depth": node.depth,
        "orphan": node.place == Place::Orphan,
        "parent_under_way": node.place == Place::UnderWay,
        "service": span.service,
        "name": span.name,
        "kind": span.kind.name(),
        "offset_ns": node.start - tree.start(),
        "duration_ns": node.end - node.start,
        "clock_moved_ns": moved(node),
        "error": span.failure(),
        "again": node.again.map(|(nth, of)| json!({ "number": nth, "of": of })),
        "critical": mark.map(critical),
        "critical_ns": own,
        "attributes": attributes(&span.attributes),
        "events": span.events.iter().map(|it| event(node, it)).collect::<Vec<_>>(),
        "links": span.links.iter().map(|link| link.trace_id.to_string()).collect::<Vec<_>>(),
    })
}

fn moved(node: &Node) -> i64 {
    i64::try_from(i128::from(node.start) - i128::from(node.span.start)).unwrap_or_default()
}

fn critical(critical: Critical) -> &'static str {
    match critical {
        Critical::Answer => "answer",
        Critical::End => "end",
    }
}

fn event(node: &Node, event: &Event) -> Value {
    json!({
        "name": event.name,
        "after_ns": event.time.saturating_sub(node.span.start),
        "attributes": attributes(&event.attributes),
    })
}

fn attributes(attributes: &[(String, Attribute)]) -> Map<String, Value> {
    let value = |value: &Attribute| match value {
        Attribute::Text(it) => json!(it),
        Attribute::Bool(it) => json!(it),
        Attribute::Int(it) => json!(it),
        Attribute::Double(it) => json!(it),
    };
    attributes.iter().map(|(name, it)| (name.clone(), value(it))).collect()
}
