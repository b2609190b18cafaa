//! Each kind of span in one place: its name, its kind and its attributes.

use madang_types::OrderId;
use tracing::Span;
use tracing::field::{Empty, display};

use super::names;
use super::work::{Applied, Stretch, Transaction};

/// A call that is answered here. The platform's own, such as probes, have none: they would bury the rest.
pub(crate) fn rpc(path: &str, request: &str, order: Option<OrderId>, is_quiet: bool) -> Span {
    if is_quiet {
        return tracing::debug_span!("rpc", { names::RPC_METHOD } = method(path));
    }
    let span = tracing::info_span!(
        "rpc",
        otel.name = method(path),
        otel.kind = "server",
        otel.status_code = Empty,
        { names::RPC_SYSTEM } = "grpc",
        { names::RPC_METHOD } = method(path),
        { names::RPC_CODE } = Empty,
        { names::ERROR } = Empty,
        { names::REQUEST } = request,
        { names::ORDER } = Empty,
    );
    order.into_iter().for_each(|order| belongs(&span, order));
    span
}

/// A call that leaves.
pub(crate) fn call(path: &str, order: Option<OrderId>, is_quiet: bool) -> Span {
    if is_quiet {
        return tracing::debug_span!("call", { names::RPC_METHOD } = method(path));
    }
    let span = tracing::info_span!(
        "call",
        otel.name = method(path),
        otel.kind = "client",
        otel.status_code = Empty,
        { names::RPC_SYSTEM } = "grpc",
        { names::RPC_METHOD } = method(path),
        { names::RPC_CODE } = Empty,
        { names::ERROR } = Empty,
        { names::ORDER } = Empty,
    );
    order.into_iter().for_each(|order| belongs(&span, order));
    span
}

/// A request by HTTP.
pub(crate) fn http(http_method: &str, route: &str, request: &str) -> Span {
    tracing::info_span!(
        "http",
        otel.name = format!("{http_method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        { names::HTTP_METHOD } = http_method,
        { names::HTTP_ROUTE } = route,
        { names::HTTP_STATUS } = Empty,
        { names::ERROR } = Empty,
        { names::REQUEST } = request,
        { names::ORDER } = Empty,
    )
}

/// An event that is applied.
pub(super) fn event(applied: &Applied<'_>, order: Option<OrderId>) -> Span {
    let span = tracing::info_span!(
        "event",
        otel.name = format!("apply {}", applied.kind),
        otel.kind = "consumer",
        otel.status_code = Empty,
        { names::MESSAGING_SYSTEM } = "madang",
        { names::MESSAGING_OPERATION } = "process",
        { names::MESSAGING_SOURCE } = applied.producer,
        { names::MESSAGE } = display(applied.id),
        { names::EVENT_TYPE } = applied.kind,
        { names::EVENT_POSITION } = applied.position,
        { names::EVENT_LAG } = applied.lag_ms,
        { names::EVENT_DUPLICATE } = Empty,
        { names::ERROR } = Empty,
        { names::ORDER } = Empty,
    );
    order.into_iter().for_each(|order| belongs(&span, order));
    span
}

/// A stretch of driving a saga.
pub(super) fn saga(stretch: &Stretch<'_>, is_resumed: bool) -> Span {
    let span = tracing::info_span!(
        "saga",
        otel.name = format!("saga {} {}", stretch.name, stretch.direction),
        { names::SAGA } = stretch.name,
        { names::SAGA_DIRECTION } = stretch.direction,
        { names::SAGA_RESUMED } = is_resumed,
        { names::ORDER } = Empty,
    );
    belongs(&span, stretch.order);
    span
}

/// A transaction of a service's database.
pub(super) fn transaction(transaction: &Transaction, order: Option<OrderId>) -> Span {
    let name = match transaction.kind {
        Some(kind) => format!("{} {kind}", transaction.operation),
        None => transaction.operation.to_owned(),
    };
    let span = tracing::info_span!(
        "transaction",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
        { names::DB_SYSTEM } = transaction.system,
        { names::DB_OPERATION } = transaction.operation,
        { names::DB_KIND } = transaction.kind,
        { names::ORDER } = Empty,
    );
    order.into_iter().for_each(|order| belongs(&span, order));
    span
}

/// Other work that goes on in a trace.
pub(super) fn work(name: &str) -> Span {
    tracing::info_span!("work", otel.name = name, { names::ORDER } = Empty)
}

/// A background task: for log lines alone, since a task may have no end. It is a root: a span that it were a child of would
/// not be exported before its end.
pub(crate) fn task(name: &str) -> Span {
    tracing::info_span!(target: TASKS, parent: None, "task", { names::TASK } = name)
}

/// The target of tasks' spans, which are not exported.
pub(crate) const TASKS: &str = "tasks";

/// Names the order that a span's work is for.
pub(crate) fn belongs(span: &Span, order: OrderId) {
    span.record(names::ORDER, display(order));
}

/// Marks a span as failed, and says why.
pub(crate) fn failed(span: &Span, why: &str) {
    span.record(names::ERROR, why);
    span.record("otel.status_code", "ERROR");
}

/// A path as the conventions want it.
fn method(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}
