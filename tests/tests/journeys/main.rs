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
use madang_tests::backends::{Carrier, Database, skipped};
use madang_tests::{Backends, Shop};

/// An order's state and reason.
fn outcome(order: &Order) -> (OrderState, &str) {
    (order.state(), order.reason.as_str())
}

/// A shop on the PostgreSQL of this run, with the feed; none where there is no server, and then that is told.
async fn shop_on_postgres(test: &str) -> Option<Shop> {
    if std::env::var_os("MADANG_TEST_POSTGRES").is_none() {
        skipped(test, "MADANG_TEST_POSTGRES names no server");
        return None;
    }
    let backends = Backends { database: Database::Postgres, carrier: Carrier::Feed };
    Some(Shop::open_on(backends, &[]).await.unwrap())
}
