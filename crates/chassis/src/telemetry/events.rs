use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::fields::Fields;
use crate::trace;
use crate::trace::value::{Text, Value};

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
        let message = fields.0.remove("message").map(text).unwrap_or_default();
        let mut attributes: Vec<(Text, Value)> =
            vec![("level".into(), event.metadata().level().as_str().into())];
        attributes.extend(fields.0.into_iter().map(|(name, value)| (name.into(), value_of(value))));
        live.tell(|span| {
            span.event(message, attributes);
        });
    }
}

fn value_of(value: serde_json::Value) -> Value {
    if let Some(number) = value.as_i64() {
        return number.into();
    }
    value.as_bool().map_or_else(|| text(value).into(), Into::into)
}

fn text(value: serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
