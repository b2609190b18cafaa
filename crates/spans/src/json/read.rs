use serde_json::Value as Json;

use crate::{Event, Kind, Link, Outcome, Span, Value};

/// The spans of an answer: `{"result": {"resourceSpans": [...]}}` or what is within it. What is no span is left out.
pub fn spans(answer: &Json) -> Vec<Span> {
    let data = answer.get("result").unwrap_or(answer);
    let mut spans = Vec::new();
    for resource in list(data, "resourceSpans") {
        let of = resource.get("resource").map(attributes).unwrap_or_default();
        let text = |name: &str| {
            let found = of.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.to_string()).unwrap_or_default()
        };
        let (service, instance) = (text("service.name"), text("service.instance.id"));
        for scope in list(resource, "scopeSpans") {
            let read = list(scope, "spans").iter().filter_map(span);
            spans.extend(read.map(|it| Span { service: service.clone(), instance: instance.clone(), ..it }));
        }
    }
    spans
}

fn span(json: &Json) -> Option<Span> {
    let start = number(json, "startTimeUnixNano");
    Some(Span {
        trace_id: text(json, "traceId").parse().ok()?,
        span_id: text(json, "spanId").parse().ok()?,
        parent: text(json, "parentSpanId").parse().ok(),
        name: text(json, "name").to_owned(),
        kind: kind(json.get("kind")),
        service: String::new(),
        instance: String::new(),
        start,
        end: number(json, "endTimeUnixNano").max(start),
        outcome: json.get("status").map(outcome).unwrap_or_default(),
        attributes: attributes(json),
        events: list(json, "events").iter().map(event).collect(),
        links: list(json, "links").iter().filter_map(link).collect(),
    })
}

fn event(json: &Json) -> Event {
    Event {
        time: number(json, "timeUnixNano"),
        name: text(json, "name").to_owned(),
        attributes: attributes(json),
    }
}

fn link(json: &Json) -> Option<Link> {
    let (trace_id, span_id) = (text(json, "traceId").parse().ok()?, text(json, "spanId").parse().ok()?);
    Some(Link { trace_id, span_id })
}

fn outcome(json: &Json) -> Outcome {
    match code(json.get("code"), &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]) {
        1 => Outcome::Ok,
        2 => Outcome::Error(text(json, "message").to_owned()),
        _ => Outcome::Unset,
    }
}

fn kind(json: Option<&Json>) -> Kind {
    const NAMES: [&str; 6] = [
        "SPAN_KIND_UNSPECIFIED",
        "SPAN_KIND_INTERNAL",
        "SPAN_KIND_SERVER",
        "SPAN_KIND_CLIENT",
        "SPAN_KIND_PRODUCER",
        "SPAN_KIND_CONSUMER",
    ];
    match code(json, &NAMES) {
        1 => Kind::Internal,
        2 => Kind::Server,
        3 => Kind::Client,
        4 => Kind::Producer,
        5 => Kind::Consumer,
        _ => Kind::Unspecified,
    }
}

/// A value of an enum: its number, or its name.
fn code(json: Option<&Json>, names: &[&str]) -> usize {
    let Some(json) = json else { return 0 };
    let number = json.as_u64().and_then(|number| usize::try_from(number).ok());
    number.or_else(|| names.iter().position(|name| json.as_str() == Some(name))).unwrap_or_default()
}

fn attributes(json: &Json) -> Vec<(String, Value)> {
    let pair = |it: &Json| Some((text(it, "key").to_owned(), value(it.get("value")?)?));
    list(json, "attributes").iter().filter_map(pair).collect()
}

fn value(json: &Json) -> Option<Value> {
    let (kind, value) = json.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "stringValue" => Value::Text(value.as_str()?.to_owned()),
        "boolValue" => Value::Bool(value.as_bool()?),
        "intValue" => Value::Int(value.as_i64().or_else(|| value.as_str()?.parse().ok())?),
        "doubleValue" => Value::Double(value.as_f64()?),
        _ => Value::Text(value.to_string()),
    })
}

fn list<'a>(json: &'a Json, name: &str) -> &'a [Json] {
    json.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn number(json: &Json, name: &str) -> u64 {
    let number = json.get(name);
    number.and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok())).unwrap_or_default()
}
