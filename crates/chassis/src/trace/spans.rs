//! Each kind of span in one place: its name, its kind and its attributes.

use std::sync::Arc;

use super::names;
use super::span::{Span, SpanKind};
use super::work::{Applied, Stretch, Transaction};
use super::{OrderCell, TraceContext};
use crate::server::methods::Method;

/// A span with the place that it has.
pub(super) type Begun = (Span, Option<TraceContext>);

/// A call that is answered here. The platform's own, such as probes, have none: they would bury the rest.
pub(super) fn rpc(
    method: &Method,
    request: &Arc<str>,
    parent: Option<TraceContext>,
    order: &OrderCell,
) -> Begun {
    if method.is_quiet {
        return (Span::none(), None);
    }
    let begun = Span::begin(SpanKind::Server, parent, order);
    begun.0.tell(|span| {
        span.name(Arc::clone(&method.name))
            .set(names::RPC_SYSTEM, "grpc")
            .set(names::RPC_METHOD, Arc::clone(&method.name))
            .set(names::REQUEST, Arc::clone(request));
    });
    begun
}

/// A call that leaves.
pub(super) fn call(method: &Method, parent: Option<TraceContext>, order: &OrderCell) -> Begun {
    if method.is_quiet {
        return (Span::none(), None);
    }
    let begun = Span::begin(SpanKind::Client, parent, order);
    begun.0.tell(|span| {
        span.name(Arc::clone(&method.name))
            .set(names::RPC_SYSTEM, "grpc")
            .set(names::RPC_METHOD, Arc::clone(&method.name));
    });
    begun
}

/// A request by HTTP.
pub(super) fn http(
    (method, route): (&'static str, &Arc<str>),
    request: &Arc<str>,
    parent: Option<TraceContext>,
    order: &OrderCell,
) -> Begun {
    let begun = Span::begin(SpanKind::Server, parent, order);
    begun.0.tell(|span| {
        span.name(format!("{method} {route}"))
            .set(names::HTTP_METHOD, method)
            .set(names::HTTP_ROUTE, Arc::clone(route))
            .set(names::REQUEST, Arc::clone(request));
    });
    begun
}

/// An event that is applied.
pub(super) fn event(applied: &Applied<'_>, parent: TraceContext, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Consumer, Some(parent), order);
    begun.0.tell(|span| {
        span.name(format!("apply {}", applied.kind))
            .set(names::MESSAGING_SYSTEM, "madang")
            .set(names::MESSAGING_OPERATION, "process")
            .set(names::MESSAGING_SOURCE, applied.producer.to_owned())
            .set(names::MESSAGE, applied.id)
            .set(names::EVENT_TYPE, applied.kind.to_owned())
            .set(names::EVENT_POSITION, applied.position)
            .set(names::EVENT_LAG, applied.lag_ms);
    });
    begun
}

/// A stretch of driving a saga.
pub(super) fn saga(
    stretch: &Stretch<'_>,
    parent: Option<TraceContext>,
    is_resumed: bool,
    order: &OrderCell,
) -> Begun {
    let begun = Span::begin(SpanKind::Internal, parent, order);
    begun.0.tell(|span| {
        span.name(format!("saga {} {}", stretch.name, stretch.direction))
            .set(names::SAGA, stretch.name)
            .set(names::SAGA_DIRECTION, stretch.direction)
            .set(names::SAGA_RESUMED, is_resumed);
    });
    begun
}

/// A transaction of a service's database.
pub(super) fn transaction(transaction: &Transaction, parent: TraceContext, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Client, Some(parent), order);
    begun.0.tell(|span| {
        span.set(names::DB_SYSTEM, transaction.system).set(names::DB_OPERATION, transaction.operation);
        match transaction.kind {
            Some(kind) => span.name(format!("{} {kind}", transaction.operation)).set(names::DB_KIND, kind),
            None => span.name(transaction.operation),
        };
    });
    begun
}

/// Other work that goes on in a trace.
pub(super) fn work(name: &str, parent: Option<TraceContext>, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Internal, parent, order);
    begun.0.tell(|span| {
        span.name(name.to_owned());
    });
    begun
}
