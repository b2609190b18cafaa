//! Each kind of span in one place: its name, its kind and its attributes.

use std::sync::{Arc, LazyLock};

use super::names;
use super::span::{self, Span, SpanKind};
use super::work::{Applied, Stretch, Transaction};
use super::{OrderCell, TraceContext};
use crate::server::methods::Method;

/// A span with the place that it has.
pub(super) type Begun = (Span, Option<TraceContext>);

/// What a method's spans have in common.
pub(crate) fn method(name: &str) -> Box<[u8]> {
    span::known(|span| {
        span.name(&[name]).add(names::RPC_SYSTEM, "grpc").add(names::RPC_METHOD, name);
    })
}

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
        span.add_known(&method.span).request(request);
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
        span.add_known(&method.span);
    });
    begun
}

/// A request by HTTP.
pub(super) fn http(
    (method, route): (&str, &str),
    request: &Arc<str>,
    parent: Option<TraceContext>,
    order: &OrderCell,
) -> Begun {
    let begun = Span::begin(SpanKind::Server, parent, order);
    begun.0.tell(|span| {
        span.name(&[method, route])
            .add(names::HTTP_METHOD, method)
            .add(names::HTTP_ROUTE, route)
            .request(request);
    });
    begun
}

/// An event that is applied.
pub(super) fn event(applied: &Applied<'_>, parent: TraceContext, order: &OrderCell) -> Begun {
    static KNOWN: LazyLock<Box<[u8]>> = LazyLock::new(|| {
        span::known(|span| {
            span.add(names::MESSAGING_SYSTEM, "madang").add(names::MESSAGING_OPERATION, "process");
        })
    });
    let begun = Span::begin(SpanKind::Consumer, Some(parent), order);
    begun.0.tell(|span| {
        span.name(&["apply", applied.kind])
            .add_known(&KNOWN)
            .add(names::MESSAGING_SOURCE, applied.producer)
            .add(names::MESSAGE, applied.id)
            .add(names::EVENT_TYPE, applied.kind)
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
        span.name(&["saga", stretch.name, stretch.direction])
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
        span.add_known(&transaction.0);
    });
    begun
}

/// Other work that goes on in a trace.
pub(super) fn work(name: &str, parent: Option<TraceContext>, order: &OrderCell) -> Begun {
    let begun = Span::begin(SpanKind::Internal, parent, order);
    begun.0.tell(|span| {
        span.name(&[name]);
    });
    begun
}
