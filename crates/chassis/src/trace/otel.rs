//! Between our trace contexts and OpenTelemetry's. Everything is none where no exporter runs.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::TraceContext;

/// Makes a span the child of a remote one and tells its own place.
pub(super) fn adopt(span: &Span, parent: Option<TraceContext>) -> Option<TraceContext> {
    if let Some(parent) = parent {
        let remote = SpanContext::new(
            TraceId::from(parent.trace),
            SpanId::from(parent.span),
            TraceFlags::new(parent.flags),
            true,
            TraceState::NONE,
        );
        // It refuses where no exporter runs.
        let _adopted =
            span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote)).is_ok();
    }
    of(span)
}

/// The place of a span that is exported or could be.
pub(super) fn of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let place = context.span().span_context().clone();
    place.is_valid().then(|| TraceContext {
        trace: u128::from_be_bytes(place.trace_id().to_bytes()),
        span: u64::from_be_bytes(place.span_id().to_bytes()),
        flags: place.trace_flags().to_u8(),
    })
}
