use std::collections::HashSet;

use anyhow::{Result, bail};
use jiff::Timestamp;
use madang_spans::ORDER_ID;
use serde_json::{Map, Value};

/// Bytes of an order's id: shorter ones would be found in anything.
const ID_BYTES: usize = 8;
/// Traces of one order at most.
const TRACES: usize = 10_000;

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Who wrote it: a service, or a pod.
    pub(super) source: String,
    /// When; that of the line before where it does not say.
    pub(super) time: Option<Timestamp>,
    /// Its fields; none where it is no JSON.
    pub(super) fields: Option<Map<String, Value>>,
    /// As it was written.
    pub(super) raw: String,
}

impl Line {
    pub(super) fn read(source: &str, raw: &str, before: Option<Timestamp>) -> Self {
        let fields: Option<Map<String, Value>> = serde_json::from_str(raw).ok();
        let time = fields.as_ref().and_then(|fields| fields.get("timestamp")?.as_str()?.parse().ok());
        Self { source: source.to_owned(), time: time.or(before), fields, raw: raw.to_owned() }
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> &str {
        let field = self.fields.as_ref().and_then(|fields| fields.get(name));
        field.and_then(Value::as_str).unwrap_or_default()
    }
}

/// Which lines are about an order. Traces must be learnt from all lines before any is judged: what is written first may be known by
/// its trace alone.
#[derive(Debug)]
pub(super) struct About {
    order_id: String,
    traces: HashSet<String>,
}

impl About {
    pub(super) fn order(order_id: &str) -> Result<Self> {
        let order_id = order_id.trim().to_ascii_lowercase();
        if order_id.len() < ID_BYTES {
            bail!("`{order_id}` is no id of an order: that is a UUID");
        }
        Ok(Self { order_id, traces: HashSet::new() })
    }

    /// Notes the trace of a line that names the order.
    pub(super) fn learn(&mut self, raw: &str) {
        if !raw.contains(&self.order_id) || self.traces.len() >= TRACES {
            return;
        }
        let line = Line::read("", raw, None);
        // The second is what a line says that has the order only in its message's fields.
        let names_it = [ORDER_ID, "order.id"].into_iter().any(|name| line.text(name) == self.order_id);
        let trace = line.text("trace_id");
        if names_it && !trace.is_empty() {
            self.traces.insert(trace.to_owned());
        }
    }

    /// The line, where it is about the order; `time` is that of the source's line before, and then of this one.
    pub(super) fn pick(&self, source: &str, raw: &str, time: &mut Option<Timestamp>) -> Option<Line> {
        if !self.may_be(raw) {
            return None;
        }
        let line = Line::read(source, raw, *time);
        *time = line.time;
        let is_about = raw.contains(&self.order_id) || self.traces.contains(line.text("trace_id"));
        is_about.then_some(line)
    }

    /// What can be seen without reading the line as JSON.
    fn may_be(&self, raw: &str) -> bool {
        raw.contains(&self.order_id) || raw.contains("trace_id")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";

    fn line(second: u8, order: Option<&str>, trace: Option<&str>, message: &str) -> String {
        let mut line = json!({
            "timestamp": format!("2026-11-26T19:00:0{second}.5Z"), "level": "INFO", "service": "orders", "message": message,
        });
        for (name, value) in [("madang.order.id", order), ("trace_id", trace)] {
            if let Some(value) = value {
                line[name] = value.into();
            }
        }
        line.to_string()
    }

    fn picked(lines: &[String]) -> Vec<usize> {
        let mut about = About::order(&ORDER.to_uppercase()).unwrap();
        lines.iter().for_each(|line| about.learn(line));
        let mut time = None;
        let all = lines.iter().enumerate();
        all.filter_map(|(at, line)| about.pick("orders", line, &mut time).map(|_| at)).collect()
    }

    #[test]
    fn a_line_is_about_an_order_by_field_by_trace_and_by_text() {
        let other = "0198c0de-0000-7000-8000-000000000002";
        let lines = [
            line(1, None, Some("t1"), "before the order has an id"),
            line(2, Some(ORDER), Some("t1"), "placed"),
            line(3, Some(other), Some("t2"), "another"),
            line(4, None, Some("t3"), &format!("mentions {ORDER} and {other}")),
            line(5, None, Some("t3"), "of a trace that only mentions it"),
            line(6, None, None, "of nothing"),
            format!("not JSON, with {ORDER}"),
        ];
        assert_eq!(picked(&lines), [0, 1, 3, 6]);
    }

    #[test]
    fn a_line_without_a_time_has_that_of_the_line_before() {
        let mut about = About::order(ORDER).unwrap();
        let lines = [line(1, Some(ORDER), Some("t1"), "placed"), format!("panicked at {ORDER}")];
        lines.iter().for_each(|line| about.learn(line));
        let mut time = None;
        let picked: Vec<Line> =
            lines.iter().filter_map(|line| about.pick("orders", line, &mut time)).collect();
        assert_eq!(picked[1].time, picked[0].time);
        assert!(picked[0].time.is_some() && picked[1].fields.is_none());
    }

    #[test]
    fn a_short_id_is_refused() {
        assert!(About::order("1").is_err());
    }
}
