//! What customers live through, each journey in a shop of its own, from outside: the gateway, by gRPC and by HTTP. Each ends
//! with the books: `madang audit` finds nothing, and no event is left.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

mod crashes;
mod http;
mod operators;
mod orders;
mod outages;
mod overload;
mod replicas;
mod watching;

use madang_api::orders::v1::{Order, OrderState};

/// An order's state and reason.
fn outcome(order: &Order) -> (OrderState, &str) {
    (order.state(), order.reason.as_str())
}
