use std::borrow::Cow;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::fields::Fields;
use crate::trace;
use crate::trace::value::Value;

/// Makes warnings and errors events of the span that they happen in: so what a dead process said last is in its traces.
#[derive(Debug)]
pub(super) struct SpanEvents;

impl SpanEvents {
    /// Ours alone, and what went wrong.
    pub(super) fn takes(metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN && metadata.target().starts_with("madang")
    }
}

impl<S: Subscriber> Layer<S> for SpanEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let here = trace::here();
        let Some(live) = here.as_ref().and_then(trace::Here::live) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message =
            fields.0.remove("message").map(|message| text(&message).into_owned()).unwrap_or_default();
        let texts: Vec<_> =
            fields.0.iter().map(|(name, value)| (name.as_str(), value, text(value))).collect();
        let attributes = texts.iter().map(|(name, value, text)| (*name, value_of(value, text)));
        let level = ("level", event.metadata().level().as_str().into());
        live.tell(|span| {
            span.event(&message, std::iter::once(level).chain(attributes));
        });
    }
}

fn value_of<'a>(value: &serde_json::Value, text: &'a str) -> Value<'a> {
    let number = value.as_i64().map(Value::Int);
    number.or_else(|| value.as_bool().map(Value::Bool)).unwrap_or(Value::Text(text))
}

fn text(value: &serde_json::Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Cow::from)
}
