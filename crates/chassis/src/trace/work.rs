//! Work that is no call: events, sagas, transactions.

use std::sync::Arc;

use madang_types::{Ids, OrderId};
use uuid::Uuid;

use super::span::{self, Span};
use super::{Here, OrderCell, TraceContext, here, names, spans};

/// An event that is applied.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its type, such as `OrderConfirmed`.
    pub kind: &'a str,
    /// The service that published it.
    pub producer: &'a str,
    /// Its position in the producer's log.
    pub position: i64,
    /// What it is about: an order, where it reads as one.
    pub key: &'a str,
    /// Milliseconds since it happened.
    pub lag_ms: i64,
    /// The traceparent of what made it happen; may be empty.
    pub traceparent: &'a str,
}

/// A stretch of driving a saga: its steps forward, or its undos.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// The saga's name.
    pub name: &'static str,
    /// `forward` or `backward`.
    pub direction: &'static str,
    /// The order.
    pub order: OrderId,
    /// The traceparent of the call that asked for the saga, see [`origin`](super::origin); may be empty.
    pub traceparent: &'a str,
}

/// What transactions of a kind have in common, in a service's database.
#[derive(Clone, Debug)]
pub struct Transaction(pub(super) Box<[u8]>);

impl Transaction {
    /// Those of a `system`, `sqlite` or `postgresql`: that read, or that write for what `kind` says.
    pub fn new(system: &'static str, kind: Option<&'static str>) -> Self {
        let operation = if kind.is_some() { "write" } else { "read" };
        Self(span::known(|span| {
            span.add(names::DB_SYSTEM, system).add(names::DB_OPERATION, operation);
            match kind {
                Some(kind) => span.name(&[operation, kind]).add(names::DB_KIND, kind),
                None => span.name(&[operation]),
            };
        }))
    }
}

/// A piece of work with its span and its place, for what is not done on one task. The span ends when this is dropped.
#[derive(Debug)]
pub struct Part {
    span: Span,
    here: Here,
}

impl Part {
    /// Does work as this part, on any thread.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.here.enter(work)
    }

    /// The traceparent of what this part causes.
    pub fn traceparent(&self) -> String {
        self.here.context().to_string()
    }

    /// Says that the event had been applied before.
    pub fn note_duplicate(&self) {
        self.span.tell(|span| {
            span.add(names::EVENT_DUPLICATE, true);
        });
    }

    /// It ends now, however long it is held.
    pub fn end(&self, is_error: bool) {
        if is_error {
            self.span.tell(|span| {
                span.fail();
            });
        }
        self.span.end();
    }
}

/// An event's application, as a part of the trace that the event names; none where it names none.
pub fn event(ids: &dyn Ids, applied: &Applied<'_>) -> Option<Part> {
    let parent = TraceContext::parse(applied.traceparent)?;
    let order = OrderCell::new(applied.key.parse().ok());
    let begun = spans::event(applied, parent, &order);
    let about = [(names::EVENT_TYPE, applied.kind.into()), (names::MESSAGE, applied.id.to_string().into())];
    let here = Here::new(&begun, Some(parent), order, ids).with_about(about);
    Some(Part { span: begun.0, here })
}

/// A transaction that is asked for here; none outside of a trace. Of the background's many nobody wants to read.
pub fn transaction(transaction: &Transaction) -> Option<Part> {
    let around = here()?;
    let begun = spans::transaction(transaction, around.context(), &around.0.order);
    let here = around.within(&begun);
    Some(Part { span: begun.0, here })
}

/// Drives a saga for a stretch: as a part of the work around it, or, where there is none because the saga is taken up again,
/// of the call that asked for it.
pub async fn saga<F: Future>(ids: &dyn Ids, stretch: &Stretch<'_>, work: F) -> F::Output {
    let around = here();
    let asked = TraceContext::parse(stretch.traceparent);
    let parent = around.as_ref().map(Here::context).or(asked);
    let order = OrderCell::new(Some(stretch.order));
    let begun = spans::saga(stretch, parent, around.is_none(), &order);
    if let Some(other) = asked.filter(|asked| parent.is_some_and(|parent| parent.trace != asked.trace)) {
        begun.0.tell(|span| {
            span.link(other);
        });
    }
    let about = [(names::SAGA_DIRECTION, Arc::from(stretch.direction))];
    Here::new(&begun, parent, order, ids).with_about(about).scope(work).await
}
