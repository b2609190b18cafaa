//! What is kept, as JSON. `/api/v3/traces` is that of Jaeger's API version 3, with its names and its answers.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use madang_spans::{ORDER_ID, Span, json as otlp};
use serde_json::{Value, json};

use super::Traces;
use super::store::Trace;
use super::view::Summary;

/// Traces of a list at most.
const MOST: usize = 50;
/// Traces of a search unless it says how many, and at most.
const FOUND: (usize, usize) = (20, 100);

type Words = Query<HashMap<String, String>>;

/// `GET /api/traces`: the youngest traces, the youngest first.
pub(crate) async fn recent(State(traces): State<Traces>) -> Response {
    let all: Vec<Value> = traces.recent(MOST, |trace| Summary::of(trace).map(|it| summary(&it)));
    let kept = traces.kept();
    let kept = json!({ "traces": kept.traces, "bytes": kept.bytes, "left": kept.left });
    answer(StatusCode::OK, json!({ "traces": all, "kept": kept }))
}

/// `GET /api/v3/traces/{trace_id}`
pub(crate) async fn get(State(traces): State<Traces>, Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(id) => found(&traces.get(id).into_iter().collect::<Vec<_>>()),
        Err(why) => refused(StatusCode::BAD_REQUEST, &format!("malformed parameter trace_id: {why}")),
    }
}

/// `GET /api/v3/traces`: `order` finds all traces of an order; `query.*` are Jaeger's.
pub(crate) async fn find(State(traces): State<Traces>, Query(words): Words) -> Response {
    match Search::read(&words) {
        Ok(search) => found(&search.run(&traces)),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

fn summary(it: &Summary) -> Value {
    let start = Timestamp::from_nanosecond(i128::from(it.start)).map(|time| time.to_string());
    json!({
        "trace_id": it.id.to_string(),
        "root": it.root,
        "order_id": it.order_id,
        "start": start.ok(),
        "duration_ns": it.duration,
        "spans": it.spans,
        "spans_cut": it.cut,
        "services": it.services,
        "errors": it.errors,
    })
}

fn found(traces: &[Trace]) -> Response {
    if traces.iter().all(|trace| trace.spans.is_empty()) {
        return refused(StatusCode::NOT_FOUND, "No traces found");
    }
    let spans = traces.iter().flat_map(|trace| &trace.spans);
    let mut found = json!({ "result": otlp::traces_data(spans) });
    // Jaeger has no word for it.
    let cut: usize = traces.iter().map(|trace| trace.cut).sum();
    if let Some(found) = found.as_object_mut().filter(|_| cut > 0) {
        found.insert("spansCut".to_owned(), cut.into());
    }
    answer(StatusCode::OK, found)
}

fn refused(status: StatusCode, why: &str) -> Response {
    answer(status, json!({ "error": { "httpCode": status.as_u16(), "message": why } }))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// What is looked for.
#[derive(Debug, Default)]
struct Search {
    attributes: BTreeMap<String, String>,
    service: Option<String>,
    name: Option<String>,
    /// The earliest and latest start of a trace.
    began: Option<(Timestamp, Timestamp)>,
    most: usize,
}

impl Search {
    fn read(words: &HashMap<String, String>) -> Result<Self, String> {
        let word = |name: &str| words.get(name).filter(|word| !word.is_empty());
        let mut attributes = word("query.attributes").map_or_else(|| Ok(BTreeMap::new()), |it| pairs(it))?;
        if let Some(order) = word("order") {
            attributes.insert(ORDER_ID.to_owned(), order.clone());
        }
        let time = |name: &str| -> Result<Option<Timestamp>, String> {
            let told = |error: jiff::Error| format!("malformed parameter {name}: {error}");
            word(name).map(|text| text.parse().map_err(told)).transpose()
        };
        let began = match (time("query.start_time_min")?, time("query.start_time_max")?) {
            (Some(from), Some(to)) => Some((from, to)),
            (None, None) if attributes.contains_key(ORDER_ID) => None,
            _ => return Err("query.start_time_min and query.start_time_max are required".to_owned()),
        };
        let most = word("query.search_depth").or_else(|| word("query.num_traces"));
        let most = most.map_or(Ok(FOUND.0), |most| most.parse());
        let most = most.map_err(|error| format!("malformed parameter query.search_depth: {error}"))?;
        let (service, name) = (word("query.service_name").cloned(), word("query.operation_name").cloned());
        Ok(Self { attributes, service, name, began, most: most.min(FOUND.1) })
    }

    fn run(&self, traces: &Traces) -> Vec<Trace> {
        let matched = |trace: &Trace| self.matches(trace).then(|| trace.clone());
        match self.attributes.get(ORDER_ID) {
            Some(order) => traces.of_order(order).into_iter().filter(|it| self.matches(it)).collect(),
            None => traces.recent(self.most, matched),
        }
    }

    fn matches(&self, trace: &Trace) -> bool {
        let begins = || trace.spans.iter().map(|span| span.start).min();
        let in_time = self.began.is_none_or(|(from, to)| {
            let nanoseconds = from.as_nanosecond()..=to.as_nanosecond();
            begins().is_some_and(|start| nanoseconds.contains(&i128::from(start)))
        });
        in_time && trace.spans.iter().any(|span| self.matches_span(span))
    }

    fn matches_span(&self, span: &Span) -> bool {
        let has = |(name, value): (&String, &String)| {
            span.attribute(name).is_some_and(|it| it.to_string() == *value)
        };
        self.service.as_ref().is_none_or(|service| *service == span.service)
            && self.name.as_ref().is_none_or(|name| *name == span.name)
            && self.attributes.iter().all(has)
    }
}

fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_str(text).map_err(|error| format!("malformed parameter query.attributes: {error}"))
}
