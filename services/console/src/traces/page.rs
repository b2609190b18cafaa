//! What is kept, as pages for people.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use madang_spans::{Span, TraceId};

use super::Traces;
use super::store::Trace;
use super::view::{Summary, Waterfall};
use crate::page;

/// Orders that the first page names.
const ORDERS: usize = 20;

#[derive(Debug, Template)]
#[template(path = "traces.html")]
struct Page {
    title: String,
    waterfalls: Vec<Waterfall>,
    /// Traces of requests that only read.
    reads: Vec<TraceId>,
}

#[derive(Debug, Template)]
#[template(path = "missing.html")]
struct Missing {
    what: &'static str,
    id: String,
}

/// The orders of the youngest traces, for the first page.
#[derive(Debug, Template)]
#[template(path = "orders.html")]
pub(crate) struct Orders {
    summaries: Vec<Summary>,
    is_on: bool,
}

impl Orders {
    /// The youngest, the youngest first; none where no traces are received.
    pub(crate) fn of(traces: Option<&Traces>) -> Self {
        let of_order = |trace: &Trace| {
            let changes = trace.spans.iter().any(Span::may_change);
            Summary::of(trace).filter(|it| changes && it.order_id.is_some())
        };
        let summaries = traces.map(|traces| traces.recent(ORDERS, of_order)).unwrap_or_default();
        Self { summaries, is_on: traces.is_some() }
    }
}

/// `GET /traces/{trace_id}`
pub(crate) async fn trace(State(traces): State<Traces>, Path(id): Path<String>) -> Response {
    let found = id.parse().ok().and_then(|id| traces.get(id)).and_then(Waterfall::of);
    match found {
        Some(waterfall) => show(format!("Trace {}", waterfall.id), vec![waterfall], Vec::new()),
        None => missing("trace", id),
    }
}

/// `GET /orders/{order_id}`
pub(crate) async fn order(State(traces): State<Traces>, Path(id): Path<String>) -> Response {
    let changes = |trace: &Trace| trace.spans.iter().any(Span::may_change);
    let (mut found, mut reads): (Vec<Trace>, Vec<Trace>) =
        traces.of_order(&id).into_iter().partition(changes);
    if found.is_empty() {
        std::mem::swap(&mut found, &mut reads);
    }
    let found: Vec<Waterfall> = found.into_iter().filter_map(Waterfall::of).collect();
    let reads = reads.into_iter().map(|trace| trace.id).collect();
    if found.is_empty() { missing("order", id) } else { show(format!("Order {id}"), found, reads) }
}

fn show(title: String, waterfalls: Vec<Waterfall>, reads: Vec<TraceId>) -> Response {
    page::answer(StatusCode::OK, &Page { title, waterfalls, reads })
}

fn missing(what: &'static str, id: String) -> Response {
    let id = id.chars().take(80).collect();
    page::answer(StatusCode::NOT_FOUND, &Missing { what, id })
}
