//! Work that is no call: events, sagas, transactions.

use madang_types::{Ids, OrderId};
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{Here, TraceContext, here, names, otel, spans};

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

/// A transaction of a service's database.
#[derive(Clone, Copy, Debug)]
pub struct Transaction {
    /// `sqlite` or `postgresql`.
    pub system: &'static str,
    /// `read` or `write`.
    pub operation: &'static str,
    /// What a transaction that writes is for.
    pub kind: Option<&'static str>,
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
        self.span.in_scope(|| self.here.enter(work))
    }

    /// The traceparent of what this part causes.
    pub fn traceparent(&self) -> String {
        self.here.context().to_string()
    }

    /// Says that the event had been applied before.
    pub fn note_duplicate(&self) {
        self.span.record(names::EVENT_DUPLICATE, true);
    }

    /// It ends now, however long its span is held by others.
    pub fn end(&self, is_error: bool) {
        if is_error {
            self.span.record("otel.status_code", "ERROR");
        }
        self.here.order().into_iter().for_each(|order| spans::belongs(&self.span, order));
        // A span ends where it was left last.
        self.span.in_scope(|| {});
    }
}

/// An event's application, as a part of the trace that the event names; none where it names none.
pub fn event(ids: &dyn Ids, applied: &Applied<'_>) -> Option<Part> {
    let parent = TraceContext::parse(applied.traceparent)?;
    let order = applied.key.parse().ok();
    let span = spans::event(applied, order);
    let here = Here::adopt(&span, Some(parent), ids).with_order(order);
    Some(Part { span, here })
}

/// A transaction that is asked for here; none outside of a trace. Of the background's many nobody wants to read.
pub fn transaction(transaction: &Transaction) -> Option<Part> {
    let around = here()?;
    let span = spans::transaction(transaction, around.order());
    let here = around.within(&span);
    Some(Part { span, here })
}

/// Drives a saga for a stretch: as a part of the work around it, or, where there is none because the saga is taken up again,
/// of the call that asked for it.
pub async fn saga<F: Future>(ids: &dyn Ids, stretch: &Stretch<'_>, work: F) -> F::Output {
    let around = here();
    let span = spans::saga(stretch, around.is_none());
    let asked = TraceContext::parse(stretch.traceparent);
    let here = match around {
        Some(around) => {
            let here = around.within(&span);
            let other = asked.filter(|asked| asked.trace != here.context().trace);
            other.into_iter().for_each(|other| otel::link(&span, other));
            here
        }
        None => Here::adopt(&span, asked, ids),
    };
    here.with_order(Some(stretch.order)).scope(work.instrument(span)).await
}
