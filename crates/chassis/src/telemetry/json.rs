use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use tracing::dispatcher::WeakDispatch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::trace::{self, TraceContext, names};

/// One JSON object a line, with what the spans around it say at the top: a line reads alone, and `trace_id` is found where
/// collectors look for it.
pub(super) struct Lines<W> {
    service: &'static str,
    writer: W,
    dispatch: OnceLock<WeakDispatch>,
}

impl<W> Lines<W> {
    pub(super) fn new(service: &'static str, writer: W) -> Self {
        Self { service, writer, dispatch: OnceLock::new() }
    }
}

/// What a span says to the lines in it. Most spans see no line, so nothing is written before one comes.
struct Said(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // The first is the one that stays.
        self.dispatch.set(subscriber.downgrade()).ok();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said(Vec::new());
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(said) = span.extensions_mut().get_mut::<Said>()
        {
            values.record(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line(Map::new());
        let metadata = event.metadata();
        let mut time = String::new();
        // Writing to a String does not fail.
        SystemTime.format_time(&mut Writer::new(&mut time)).ok();
        line.put("timestamp", time.into());
        line.put("level", metadata.level().as_str().into());
        line.put("service", self.service.into());
        line.put("target", metadata.target().into());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let said = extensions.get::<Said>().into_iter().flat_map(|said| &said.0);
            said.for_each(|(name, value)| line.put(name, value.clone()));
        }
        self.say_where(&mut line, context.event_span(event).map(|span| span.id()));
        event.record(&mut line);
        let text = format!("{}\n", Value::Object(line.0));
        // Where stdout is gone there is nobody to tell.
        self.writer.make_writer_for(metadata).write_all(text.as_bytes()).ok();
    }
}

impl<W> Lines<W> {
    /// Writes which trace and span a line belongs to, and which order.
    fn say_where(&self, line: &mut Line, span: Option<Id>) {
        let dispatch = self.dispatch.get().and_then(WeakDispatch::upgrade);
        let exported = dispatch.zip(span).and_then(|(dispatch, span)| trace::place(&span, &dispatch));
        let around = trace::here();
        let place = exported.or_else(|| around.as_ref().map(trace::Here::context));
        if let Some(TraceContext { trace, span, .. }) = place {
            line.put("trace_id", format!("{trace:032x}").into());
            line.put("span_id", format!("{span:016x}").into());
        }
        if let Some(order) = around.and_then(|around| around.order()) {
            line.put(names::ORDER, order.to_string().into());
        }
    }
}

impl<W> fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Takes fields as JSON has them.
trait Take {
    fn take(&mut self, name: &'static str, value: Value);
}

impl Take for Said {
    fn take(&mut self, name: &'static str, value: Value) {
        if !names::LOGGED.contains(&name) {
            return;
        }
        match self.0.iter_mut().find(|(said, _)| *said == name) {
            Some((_, said)) => *said = value,
            None => self.0.push((name, value)),
        }
    }
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}

impl Take for Line {
    fn take(&mut self, name: &'static str, value: Value) {
        self.put(name, value);
    }
}

macro_rules! visit {
    ($taker:ty) => {
        impl Visit for $taker {
            fn record_f64(&mut self, field: &Field, value: f64) {
                self.take(field.name(), value.into());
            }

            fn record_i64(&mut self, field: &Field, value: i64) {
                self.take(field.name(), value.into());
            }

            fn record_u64(&mut self, field: &Field, value: u64) {
                self.take(field.name(), value.into());
            }

            fn record_bool(&mut self, field: &Field, value: bool) {
                self.take(field.name(), value.into());
            }

            fn record_str(&mut self, field: &Field, value: &str) {
                self.take(field.name(), value.into());
            }

            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.take(field.name(), format!("{value:?}").into());
            }
        }
    };
}

visit!(Said);
visit!(Line);

#[cfg(test)]
mod tests;
