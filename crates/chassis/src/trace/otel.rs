//! Between our trace contexts and OpenTelemetry's. Everything is none where no exporter runs.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::{Dispatch, Span, span};
use tracing_opentelemetry::{OpenTelemetrySpanExt, get_otel_context};

use super::TraceContext;

/// Makes a span the child of a remote one and tells its own place.
pub(super) fn adopt(span: &Span, parent: Option<TraceContext>) -> Option<TraceContext> {
    if let Some(parent) = parent {
        let remote = opentelemetry::Context::new().with_remote_span_context(remote(parent));
        // It refuses where no exporter runs.
        let _adopted = span.set_parent(remote).is_ok();
    }
    read(&span.context())
}

/// Has a span point to another that it is no child of.
pub(super) fn link(span: &Span, other: TraceContext) {
    span.add_link(remote(other));
}

/// The place of a span that a layer knows by its id.
pub(crate) fn place(id: &span::Id, dispatch: &Dispatch) -> Option<TraceContext> {
    read(&get_otel_context(id, dispatch)?)
}

fn read(context: &opentelemetry::Context) -> Option<TraceContext> {
    let span = context.span();
    let place = span.span_context();
    place.is_valid().then(|| TraceContext {
        trace: u128::from_be_bytes(place.trace_id().to_bytes()),
        span: u64::from_be_bytes(place.span_id().to_bytes()),
        flags: place.trace_flags().to_u8(),
    })
}

fn remote(place: TraceContext) -> SpanContext {
    let (trace, span) = (TraceId::from(place.trace), SpanId::from(place.span));
    SpanContext::new(trace, span, TraceFlags::new(place.flags), true, TraceState::NONE)
}
