//! One trace id and one order's id through all services, in logs and spans, with an exporter or without.
//!
//! An order is one trace: what an event causes is a child of the span that made the event, and a saga that is taken up again
//! is a child of the call that asked for it. docs/telemetry.md has the rules.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue};
use madang_types::{Ids, OrderId};

pub(crate) mod baggage;
mod context;
pub mod names;
pub(crate) mod queue;
pub(crate) mod seen;
pub(crate) mod span;
mod spans;
pub(crate) mod value;
pub(crate) mod wire;
mod work;

pub(crate) use context::TraceContext;
use span::{Live, Span};
pub(crate) use spans::method;
pub use work::{Applied, Part, Stretch, Transaction, event, saga, transaction};

/// Says something once in the life of a process: callers must not fill the log.
macro_rules! warn_once {
    ($text:literal) => {{
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| tracing::warn!($text));
    }};
}
use warn_once;

use crate::server::methods::Method;

tokio::task_local! {
    static CURRENT: Here;
    static TASK: &'static str;
}

/// The order that some work is for, once it is known. All spans and tasks of the work share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderCell(Arc<Mutex<Option<OrderId>>>);

impl OrderCell {
    pub(crate) fn new(order: Option<OrderId>) -> Self {
        Self(Arc::new(Mutex::new(order)))
    }

    pub(crate) fn get(&self) -> Option<OrderId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, order: OrderId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
    }

    fn learn(&self, order: OrderId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(order);
    }
}

/// What a log line says of the work that it comes from: names of [`names`] with their values.
pub(crate) type About = Vec<(&'static str, Arc<str>)>;

/// Where the work that runs here belongs. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Here(Arc<Place>);

#[derive(Debug)]
struct Place {
    context: TraceContext,
    /// What asked for the work, in another process; none where the trace begins here.
    origin: Option<TraceContext>,
    order: OrderCell,
    /// The span, where it is recorded.
    live: Option<Arc<Live>>,
    about: Mutex<About>,
    /// The place that this one is within.
    around: Option<Here>,
}

impl Here {
    /// The place of a span that was asked for from outside of this process; without one the place of who asked, or that of a
    /// new trace.
    fn new(
        (span, context): &(Span, Option<TraceContext>),
        origin: Option<TraceContext>,
        order: OrderCell,
        ids: &dyn Ids,
    ) -> Self {
        let context = context.or(origin).unwrap_or_else(|| TraceContext::root(ids));
        let about = Mutex::default();
        Self(Arc::new(Place { context, origin, order, live: span.live(), about, around: None }))
    }

    /// The place of a span within this one; the same where it is none.
    fn within(&self, (span, context): &(Span, Option<TraceContext>)) -> Self {
        let Some(context) = *context else { return self.clone() };
        let (origin, order, around) = (self.0.origin, self.0.order.clone(), Some(self.clone()));
        Self(Arc::new(Place { context, origin, order, live: span.live(), about: Mutex::default(), around }))
    }

    /// The same place, of which log lines say this.
    fn with_about(self, about: impl IntoIterator<Item = (&'static str, Arc<str>)>) -> Self {
        self.0.about.lock().unwrap_or_else(PoisonError::into_inner).extend(about);
        self
    }

    pub(crate) fn context(&self) -> TraceContext {
        self.0.context
    }

    pub(crate) fn order(&self) -> Option<OrderId> {
        self.0.order.get()
    }

    /// What log lines say of the work here, and before it of the work around it.
    pub(crate) fn about(&self) -> About {
        let mut about = self.0.around.as_ref().map(Self::about).unwrap_or_default();
        about.extend(self.0.about.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        about
    }

    /// The span to which a line of the log can be added.
    pub(crate) fn live(&self) -> Option<&Arc<Live>> {
        self.0.live.as_ref()
    }

    /// Does work there.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Does the work of one poll there, or of one closure.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Somewhere, for tests.
    #[cfg(test)]
    pub(crate) fn at(context: TraceContext) -> Self {
        let ids = crate::testing::SeededIds::new(1);
        Self::new(&(Span::none(), None), Some(context), OrderCell::default(), &ids)
    }
}

/// A call that comes in: its span, and its place.
pub(crate) fn rpc(
    method: &Method,
    request: &Arc<str>,
    (parent, order): (Option<TraceContext>, Option<OrderId>),
    ids: &dyn Ids,
) -> (Span, Here) {
    let order = OrderCell::new(order);
    let begun = spans::rpc(method, request, parent, &order);
    let about = [(names::RPC_METHOD, Arc::clone(&method.name)), (names::REQUEST, Arc::clone(request))];
    let here = Here::new(&begun, parent, order, ids).with_about(about);
    (begun.0, here)
}

/// An HTTP request: its span, and its place. No caller by HTTP names an order.
pub(crate) fn http(
    (method, route): (&'static str, &Arc<str>),
    request: &Arc<str>,
    parent: Option<TraceContext>,
    ids: &dyn Ids,
) -> (Span, Here) {
    let order = OrderCell::default();
    let begun = spans::http((method, route), request, parent, &order);
    let about = [
        (names::HTTP_METHOD, Arc::from(method)),
        (names::HTTP_ROUTE, Arc::clone(route)),
        (names::REQUEST, Arc::clone(request)),
    ];
    let here = Here::new(&begun, parent, order, ids).with_about(about);
    (begun.0, here)
}

/// A call that leaves: its span, whose place is written into the call's headers, with the order that we are there for.
pub(crate) fn call(method: &Method, headers: &mut HeaderMap) -> Span {
    let around = here();
    let order = around.as_ref().map(|here| here.0.order.clone()).unwrap_or_default();
    let parent = around.as_ref().map(Here::context);
    let (span, context) = spans::call(method, parent, &order);
    if let Some(value) =
        context.or(parent).and_then(|context| HeaderValue::try_from(context.to_string()).ok())
    {
        headers.insert(context::TRACEPARENT, value);
    }
    baggage::inject(order.get(), headers);
    span
}

/// Has a task go on in the place that it is spawned in, if there is one.
pub(crate) async fn carry<F: Future>(place: Option<Here>, name: &'static str, task: F) -> F::Output {
    let task = TASK.scope(name, task);
    match place {
        Some(place) => place.scope(task).await,
        None => task.await,
    }
}

/// The background task that runs here.
pub(crate) fn task() -> Option<&'static str> {
    TASK.try_with(|task| *task).ok()
}

/// Where we are.
pub(crate) fn here() -> Option<Here> {
    CURRENT.try_with(Here::clone).ok()
}

/// Says that what runs here is for an order: its spans and all that comes from it name the order from now on, here and in the
/// services that are called, and the answer tells the caller.
pub fn order(id: OrderId) {
    // Outside of a trace there is nothing to name.
    let _untraced = CURRENT.try_with(|here| here.0.order.set(id));
}

/// Takes the order that an answer names for that of the work here, where it has none.
pub(crate) fn learn(id: OrderId) {
    let _untraced = CURRENT.try_with(|here| here.0.order.learn(id));
}

/// Says that the request that is answered here goes by another id: that of the edge, which gives its own.
pub fn request(id: &str) {
    let _untraced = CURRENT.try_with(|here| {
        let id: Arc<str> = Arc::from(id);
        if let Some(live) = here.live() {
            live.tell(|span| {
                span.request(&id);
            });
        }
        let mut about = here.0.about.lock().unwrap_or_else(PoisonError::into_inner);
        about.retain(|(name, _)| *name != names::REQUEST);
        about.push((names::REQUEST, id));
    });
}

/// The W3C `traceparent` of the work that runs here, for what carries the trace on later, such as an event.
pub fn traceparent() -> Option<String> {
    CURRENT.try_with(|here| here.context().to_string()).ok()
}

/// The W3C `traceparent` of what asked for the work that runs here, in another process: what this work is taken up under
/// once more, if this process dies. Where nobody asked it is the work's own.
pub fn origin() -> Option<String> {
    CURRENT.try_with(|here| here.0.origin.unwrap_or(here.0.context).to_string()).ok()
}

/// Links the span of the work that runs here to another trace, which it goes back to.
pub fn link(traceparent: &str) {
    let other = TraceContext::parse(traceparent);
    if let (Some(other), Some(live)) = (other, here().as_ref().and_then(Here::live)) {
        live.tell(|span| {
            span.link(other);
        });
    }
}

/// Runs work as a part of the trace that a `traceparent` names, such as an event's, or of a new trace where it names none.
/// `name` is the span's, such as `settle OrderConfirmed`.
pub async fn follow<F: Future>(ids: &dyn Ids, name: &str, traceparent: &str, work: F) -> F::Output {
    let (parent, order) = (TraceContext::parse(traceparent), OrderCell::default());
    let begun = spans::work(name, parent, &order);
    Here::new(&begun, parent, order, ids).scope(work).await
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
        let method = crate::server::methods::known("/madang.orders.v1.OrdersService/GetOrder");
        let sent = follow(&ids, "place", GIVEN, async {
            let mut headers = HeaderMap::new();
            drop(call(&method, &mut headers));
            assert!(headers.contains_key("traceparent") && !headers.contains_key("baggage"));
            order(id);
            drop(call(&method, &mut headers));
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
