//! Each kind of span in one place: its name, its kind and its attributes.

use std::sync::Arc;

use super::names;
use super::span::{Span, SpanKind};
use super::value::Text;
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
        span.name([Arc::clone(&method.name).into()])
            .add(names::RPC_SYSTEM, "grpc")
            .add(names::RPC_METHOD, Arc::clone(&method.name))
            .add(names::REQUEST, Arc::clone(request));
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
        span.name([Arc::clone(&method.name).into()])
            .add(names::RPC_SYSTEM, "grpc")
            .add(names::RPC_METHOD, Arc::clone(&method.name));
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
        span.name([method.into(), Arc::clone(route).into()])
            .add(names::HTTP_METHOD, method)
            .add(names::HTTP_ROUTE, Arc::clone(route))
            .add(names::REQUEST, Arc::clone(request));
    });
    begun
}

/// An event that is applied.
pub(super) fn event(
    applied: &Applied<'_>,
    kind: &Arc<str>,
    parent: TraceContext,
    order: &OrderCell,
) -> Begun {
    let begun = Span::begin(SpanKind::Consumer, Some(parent), order);
    begun.0.tell(|span| {
        span.name(["apply".into(), Arc::clone(kind).into()])
            .add(names::MESSAGING_SYSTEM, "madang")
            .add(names::MESSAGING_OPERATION, "process")
            .add(names::MESSAGING_SOURCE, applied.producer.to_owned())
            .add(names::MESSAGE, applied.id)
            .add(names::EVENT_TYPE, Arc::clone(kind))
            .add(names::EVENT_POSITION, applied.position)
            .add(names::EVENT_LAG, applied.lag_ms);
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
        span.name(["saga", stretch.name, stretch.direction].map(Text::from))
            .add(names::SAGA, stretch.name)
            .add(names::SAGA_DIRECTION, stretch.direction)
            .add(names::SAGA_RESUMED, is_resumed);
    });
    begun
}

/// A transaction of a service's database.
pub(super) fn transaction(transaction: &Transaction, parent: TraceContext, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Client, Some(parent), order);
    begun.0.tell(|span| {
        span.add(names::DB_SYSTEM, transaction.system).add(names::DB_OPERATION, transaction.operation);
        match transaction.kind {
            Some(kind) => span.name([transaction.operation, kind].map(Text::from)).add(names::DB_KIND, kind),
            None => span.name([transaction.operation.into()]),
        };
    });
    begun
}

/// Other work that goes on in a trace.
pub(super) fn work(name: &str, parent: Option<TraceContext>, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Internal, parent, order);
    begun.0.tell(|span| {
        span.name([name.to_owned().into()]);
    });
    begun
}
