use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Span;
use crate::cluster::{Cluster, OBSERVABILITY};

/// All spans that the platform's Jaeger has of the traces of an order.
///
/// # Errors
/// Where it cannot be asked.
pub async fn of_order(cluster: &Cluster, order: &str) -> Result<Vec<Span>> {
    let query = format!("service=orders&tags=%7B%22madang.order.id%22%3A%22{order}%22%7D");
    let service = format!("/api/v1/namespaces/{OBSERVABILITY}/services/jaeger:http-ui/proxy");
    let told = cluster.kubectl(&["get", "--raw", &format!("{service}/api/traces?{query}")]).await?;
    let told: Value = serde_json::from_str(&told).with_context(|| told.clone())?;
    let traces = told["data"].as_array().into_iter().flatten();
    Ok(traces
        .flat_map(|trace| spans(trace).iter().map(|span| read(trace, span)).collect::<Vec<_>>())
        .collect())
}

fn spans(trace: &Value) -> &[Value] {
    trace["spans"].as_array().map_or(&[], Vec::as_slice)
}

fn read(trace: &Value, span: &Value) -> Span {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |name: &str| span[name].as_array().cloned().unwrap_or_default();
    let tags = list("tags").into_iter().map(|tag| (text(&tag["key"]), text(&tag["value"])));
    let attributes: BTreeMap<String, String> = tags.collect();
    let references = list("references");
    let of_type = |wanted| references.iter().filter(move |reference| reference["refType"] == wanted);
    let parent = of_type("CHILD_OF").next();
    let start = span["startTime"].as_u64().unwrap_or_default() * 1000;
    let process = &trace["processes"][span["processID"].as_str().unwrap_or_default()];
    Span {
        trace: text(&span["traceID"]),
        id: text(&span["spanID"]),
        parent: parent.map(|parent| text(&parent["spanID"])).unwrap_or_default(),
        service: text(&process["serviceName"]),
        name: text(&span["operationName"]),
        start,
        end: start + span["duration"].as_u64().unwrap_or_default() * 1000,
        is_error: attributes.get("error").is_some_and(|error| error == "true"),
        attributes,
        links: of_type("FOLLOWS_FROM").map(|link| text(&link["traceID"])).collect(),
        events: Vec::new(),
    }
}
