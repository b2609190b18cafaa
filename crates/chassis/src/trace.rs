//! One trace id and one order's id through all services, in logs and spans, with an exporter or without.
//!
//! An order is one trace: what an event causes is a child of the span that made the event, and a saga that is taken up again
//! is a child of the call that asked for it. docs/telemetry.md has the rules.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue};
use madang_types::{Ids, OrderId};
use tracing::{Instrument, Span};

pub(crate) mod baggage;
mod context;
pub mod names;
#[cfg(feature = "otlp")]
mod otel;
#[cfg(not(feature = "otlp"))]
#[path = "trace/no_otel.rs"]
mod otel;
pub(crate) mod seen;
pub(crate) mod spans;
mod work;

pub(crate) use context::TraceContext;
pub(crate) use otel::place;
pub use work::{Applied, Part, Stretch, Transaction, event, saga, transaction};

/// Says something once in the life of a process: callers must not fill the log.
macro_rules! warn_once {
    ($text:literal) => {{
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| tracing::warn!($text));
    }};
}
use warn_once;

tokio::task_local! {
    static CURRENT: Here;
}

/// Where the work that runs here belongs.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    context: TraceContext,
    /// What asked for the work, in another process; none where the trace begins here.
    origin: Option<TraceContext>,
    /// The order that the work is for, once it is known. Tasks that are spawned here share it.
    order: Arc<Mutex<Option<OrderId>>>,
}

impl Here {
    /// A place in a trace: the one of `span`, as a child of `origin`, or of a new trace where there is none.
    pub(crate) fn adopt(span: &Span, origin: Option<TraceContext>, ids: &dyn Ids) -> Self {
        let context = otel::adopt(span, origin).or(origin).unwrap_or_else(|| TraceContext::root(ids));
        Self { context, origin, order: Arc::default() }
    }

    /// The same place, for an order.
    pub(crate) fn with_order(self, order: Option<OrderId>) -> Self {
        Self { order: Arc::new(Mutex::new(order)), ..self }
    }

    /// The place of a span that becomes a child of this one.
    fn within(&self, span: &Span) -> Self {
        Self { context: otel::adopt(span, Some(self.context)).unwrap_or(self.context), ..self.clone() }
    }

    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    pub(crate) fn order(&self) -> Option<OrderId> {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_order(&self, order: OrderId) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
    }

    /// Does work there.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Does the work of one poll there, or of one closure.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}

/// Has a task go on in the place that it is spawned in, if there is one.
pub(crate) async fn carry<F: Future>(place: Option<Here>, task: F) -> F::Output {
    match place {
        Some(place) => place.scope(task).await,
        None => task.await,
    }
}

/// Where we are.
pub(crate) fn here() -> Option<Here> {
    CURRENT.try_with(Here::clone).ok()
}

/// Says that what runs here is for an order: its span and all that come from it name the order from now on, here and in the
/// services that are called, and the answer tells the caller.
pub fn order(id: OrderId) {
    if let Ok(()) = CURRENT.try_with(|here| here.set_order(id)) {
        spans::belongs(&Span::current(), id);
    }
}

/// The W3C `traceparent` of the work that runs here, for what carries the trace on later, such as an event.
pub fn traceparent() -> Option<String> {
    CURRENT.try_with(|here| here.context.to_string()).ok()
}

/// The W3C `traceparent` of what asked for the work that runs here, in another process: what this work is taken up under
/// once more, if this process dies. Where nobody asked it is the work's own.
pub fn origin() -> Option<String> {
    CURRENT.try_with(|here| here.origin.unwrap_or(here.context).to_string()).ok()
}

/// Links the span of the work that runs here to another trace, which it goes back to.
pub fn link(traceparent: &str) {
    if let Some(other) = TraceContext::parse(traceparent) {
        otel::link(&Span::current(), other);
    }
}

/// Runs work as a part of the trace that a `traceparent` names, such as an event's, or of a new trace where it names none.
/// `name` is the span's, such as `settle OrderConfirmed`.
pub async fn follow<F: Future>(ids: &dyn Ids, name: &str, traceparent: &str, work: F) -> F::Output {
    let span = spans::work(name);
    let here = Here::adopt(&span, TraceContext::parse(traceparent), ids);
    here.scope(work.instrument(span)).await
}

/// Makes the span of a call that leaves a child of the work that runs here, and writes its place into the call's headers, with
/// the order that we are there for. Spans of tasks are not exported, so tracing's own parent would not do.
pub(crate) fn inject(span: &Span, headers: &mut HeaderMap) {
    let around = CURRENT.try_with(Here::context).ok();
    let context = otel::adopt(span, around).or(around);
    if let Some(value) = context.and_then(|context| HeaderValue::try_from(context.to_string()).ok()) {
        headers.insert(context::TRACEPARENT, value);
    }
    baggage::inject(current_order(), headers);
}

/// The order that what runs here is for.
pub(crate) fn current_order() -> Option<OrderId> {
    CURRENT.try_with(Here::order).ok().flatten()
}

/// Takes the order that an answer names for that of the work here, where it has none.
pub(crate) fn learn(id: OrderId) {
    // Outside of a trace nobody wants to know.
    let _unknown = CURRENT.try_with(|here| {
        let mut order = here.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.get_or_insert(id);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededIds;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn work_follows_a_trace_or_begins_one() {
        let ids = SeededIds::new(1);
        assert_eq!(traceparent(), None);
        let followed = follow(&ids, "apply", GIVEN, async { traceparent() }).await;
        assert_eq!(followed.as_deref(), Some(GIVEN));
        let begun = follow(&ids, "apply", "", async { traceparent() }).await.unwrap();
        assert!(TraceContext::parse(&begun).is_some());
    }

    #[tokio::test]
    async fn an_order_that_becomes_known_goes_with_what_is_called_from_then_on() {
        let (ids, id) = (SeededIds::new(1), OrderId::new(SeededIds::new(2).uuid()));
        let sent = follow(&ids, "place", GIVEN, async {
            let mut headers = HeaderMap::new();
            inject(&Span::none(), &mut headers);
            assert!(headers.contains_key("traceparent") && !headers.contains_key("baggage"));
            order(id);
            inject(&Span::none(), &mut headers);
            headers
        });
        assert_eq!(baggage::of(&sent.await), Some(id));
    }

    #[tokio::test]
    async fn what_asked_for_the_work_is_known() {
        assert_eq!(origin(), None);
        let asked = follow(&SeededIds::new(1), "place", GIVEN, async { origin() }).await;
        assert_eq!(asked.as_deref(), Some(GIVEN));
    }
}
