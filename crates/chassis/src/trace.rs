//! One trace id through all services, in logs and spans, with an exporter or without.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use madang_types::Ids;
use tracing::{Instrument, Span};

#[cfg(feature = "otlp")]
mod otel;
#[cfg(not(feature = "otlp"))]
#[path = "trace/no_otel.rs"]
mod otel;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// Where in which trace we are, as W3C Trace Context has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) flags: u8,
}

impl TraceContext {
    /// Reads a traceparent; none where it is malformed, as the standard says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lengths = [version.len(), trace.len(), span.len(), flags.len()];
        let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let later_version = version != "00";
        if lengths != [2, 32, 16, 2]
            || version == "ff"
            || (!later_version && parts.next().is_some())
            || ![version, trace, span, flags].into_iter().all(lower_hex)
        {
            return None;
        }
        let context = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// A new trace. It says "not sampled": whoever exports decides for itself.
    fn root(ids: &dyn Ids) -> Self {
        let id = ids.uuid();
        Self { trace: id.as_u128(), span: id.as_u64_pair().1, flags: 0 }
    }

    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get(TRACEPARENT)?.to_str().ok().and_then(Self::parse)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// The W3C `traceparent` of the work that runs here, for what carries the trace on later, such as an event.
pub fn traceparent() -> Option<String> {
    of(&Span::current()).map(|context| context.to_string())
}

/// Runs work as a part of the trace that a `traceparent` names, such as an event's, or of a new trace where it names none.
/// `name` is the span's, such as `apply OrderConfirmed`.
pub async fn follow<F: Future>(ids: &dyn Ids, name: &str, traceparent: &str, work: F) -> F::Output {
    let (span, context) = part(ids, name, traceparent);
    scope(context, work.instrument(span)).await
}

/// A span as a part of the trace that a `traceparent` names, or of a new trace where it names none: for work that is done
/// together with that of other traces, such as an event's in a batch. It lasts until it is dropped.
pub fn span(ids: &dyn Ids, name: &str, traceparent: &str) -> Span {
    part(ids, name, traceparent).0
}

fn part(ids: &dyn Ids, name: &str, traceparent: &str) -> (Span, TraceContext) {
    let span = tracing::info_span!("work", otel.name = name, trace_id = tracing::field::Empty);
    let context = adopt(&span, TraceContext::parse(traceparent), ids);
    (span, context)
}

/// Makes a span a child of a remote one, notes the trace's id in it, and tells where we are then.
pub(crate) fn adopt(span: &Span, parent: Option<TraceContext>, ids: &dyn Ids) -> TraceContext {
    let context = otel::adopt(span, parent).or(parent).unwrap_or_else(|| TraceContext::root(ids));
    span.record("trace_id", tracing::field::display(format_args!("{:032x}", context.trace)));
    context
}

pub(crate) fn scope<F: Future>(context: TraceContext, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(context, work)
}

/// Has a task go on in the trace that it is spawned in, if there is one.
pub(crate) async fn carry<F: Future>(context: Option<TraceContext>, task: F) -> F::Output {
    match context {
        Some(context) => scope(context, task).await,
        None => task.await,
    }
}

/// Where we are, for a task that is spawned here.
pub(crate) fn here() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Does the work of one poll there.
pub(crate) fn enter<T>(context: TraceContext, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context, work)
}

/// Writes where we are, in this span, into a call's headers.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    if let Some(value) = of(span).and_then(|context| HeaderValue::try_from(context.to_string()).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

fn of(span: &Span) -> Option<TraceContext> {
    otel::of(span).or_else(here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededIds;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        assert_eq!(TraceContext::parse(GIVEN).unwrap().to_string(), GIVEN);
        let later = GIVEN.replacen("00", "cc", 1) + "-what-comes";
        assert!(TraceContext::parse(&later).is_some());
    }

    #[test]
    fn a_malformed_traceparent_is_none() {
        let upper = GIVEN.to_uppercase();
        let longer = format!("{GIVEN}-01");
        let no_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let no_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        for bad in ["", "00", &upper, &longer, no_trace, no_span, &GIVEN.replacen("00", "ff", 1)] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn work_follows_a_trace_or_begins_one() {
        let ids = SeededIds::new(1);
        assert_eq!(traceparent(), None);
        let followed = follow(&ids, "apply", GIVEN, async { traceparent() }).await;
        assert_eq!(followed.as_deref(), Some(GIVEN));
        let begun = follow(&ids, "apply", "", async { traceparent() }).await.unwrap();
        assert!(TraceContext::parse(&begun).is_some());
    }
}
