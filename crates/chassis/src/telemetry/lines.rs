use std::fmt::Write as _;
use std::io::Write;

use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;

use super::fields::Fields;
use crate::config::LogFormat;
use crate::trace::{self, TraceContext, names};

/// Writes a line for each event, with where it belongs: a line reads alone, and `trace_id` is found where collectors look for it.
#[derive(Debug)]
pub(super) struct Lines<W> {
    pub(super) service: &'static str,
    pub(super) format: LogFormat,
    pub(super) writer: W,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = place();
        event.record(&mut fields);
        let mut time = String::new();
        // Writing to a String does not fail.
        SystemTime.format_time(&mut Writer::new(&mut time)).ok();
        let metadata = event.metadata();
        let about = (time.as_str(), metadata.level(), metadata.target());
        let line = match self.format {
            LogFormat::Json => json(self.service, about, fields),
            LogFormat::Pretty => pretty(about, &fields),
        };
        // Where stdout is gone there is nobody to tell.
        self.writer.make_writer_for(metadata).write_all(line.as_bytes()).ok();
    }
}

/// Which trace and span a line belongs to, which order, and what is done there.
fn place() -> Fields {
    let mut fields = Fields::default();
    trace::task().into_iter().for_each(|task| fields.put(names::TASK, task));
    let Some(here) = trace::here() else { return fields };
    here.about().iter().for_each(|(name, value)| fields.put(name, &**value));
    let TraceContext { trace, span, .. } = here.context();
    fields.put("trace_id", format!("{trace:032x}"));
    fields.put("span_id", format!("{span:016x}"));
    here.order().into_iter().for_each(|order| fields.put(names::ORDER, order.to_string()));
    fields
}

/// One JSON object, for machines.
fn json(service: &'static str, (time, level, target): (&str, &Level, &str), mut fields: Fields) -> String {
    fields.put("timestamp", time);
    fields.put("level", level.as_str());
    fields.put("service", service);
    fields.put("target", target);
    format!("{}\n", Value::Object(fields.0))
}

/// For people.
fn pretty((time, level, target): (&str, &Level, &str), fields: &Fields) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let message = fields.0.get("message").map(text).unwrap_or_default();
    let mut line = format!("{time} {level:>5} {target}: {message}");
    for (name, value) in fields.0.iter().filter(|(name, _)| *name != "message") {
        // Writing to a String does not fail.
        write!(line, " {name}={}", text(value)).ok();
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests;
