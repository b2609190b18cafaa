//! OTLP's JSON, as Jaeger's API version 3 has it: ids as hex digits, 64-bit numbers as texts.

mod read;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::{Event, Kind, Outcome, Span, Value};

pub use read::spans;

/// Spans as `{"resourceSpans": [...]}`, by service and process.
pub fn traces_data<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Json {
    let mut by_process: BTreeMap<(&str, &str), Vec<Json>> = BTreeMap::new();
    for it in spans {
        by_process.entry((&it.service, &it.instance)).or_default().push(span(it));
    }
    let resource = |((service, instance), spans): ((&str, &str), Vec<Json>)| {
        let mut of = vec![("service.name".to_owned(), Value::from(service))];
        if !instance.is_empty() {
            of.push(("service.instance.id".to_owned(), Value::from(instance)));
        }
        json!({ "resource": { "attributes": attributes(&of) }, "scopeSpans": [{ "scope": {}, "spans": spans }] })
    };
    json!({ "resourceSpans": by_process.into_iter().map(resource).collect::<Vec<_>>() })
}

fn span(span: &Span) -> Json {
    let mut it = json!({
        "traceId": span.trace_id.to_string(),
        "spanId": span.span_id.to_string(),
        "name": span.name,
        "kind": kind(span.kind),
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes(&span.attributes),
        "status": outcome(&span.outcome),
    });
    let mut put = |name: &str, value: Json| it.as_object_mut().map(|map| map.insert(name.to_owned(), value));
    if let Some(parent) = span.parent {
        put("parentSpanId", parent.to_string().into());
    }
    if !span.events.is_empty() {
        put("events", span.events.iter().map(event).collect());
    }
    if !span.links.is_empty() {
        let link = |link: &crate::Link| json!({ "traceId": link.trace_id.to_string(), "spanId": link.span_id.to_string() });
        put("links", span.links.iter().map(link).collect());
    }
    it
}

fn event(event: &Event) -> Json {
    json!({
        "timeUnixNano": event.time.to_string(),
        "name": event.name,
        "attributes": attributes(&event.attributes),
    })
}

fn attributes(attributes: &[(String, Value)]) -> Json {
    let pair = |(name, value): &(String, Value)| json!({ "key": name, "value": any_value(value) });
    attributes.iter().map(pair).collect()
}

fn any_value(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Bool(it) => json!({ "boolValue": it }),
        Value::Int(it) => json!({ "intValue": it.to_string() }),
        Value::Double(it) => json!({ "doubleValue": it }),
    }
}

fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::Unspecified => 0,
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
        Kind::Producer => 4,
        Kind::Consumer => 5,
    }
}

fn outcome(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Unset => Json::Object(Map::new()),
        Outcome::Ok => json!({ "code": 1 }),
        Outcome::Error(text) if text.is_empty() => json!({ "code": 2 }),
        Outcome::Error(text) => json!({ "code": 2, "message": text }),
    }
}

#[cfg(test)]
mod tests;
