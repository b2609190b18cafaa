//! More orders than the database takes.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::join;
use madang_api::error::reason;
use madang_api::orders::v1::OrderState;
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, audit};
use tokio::task::JoinSet;

use crate::shop_on_postgres;

/// Nobody comes past this table for a time, which is shorter than what a closure waits for a lock.
const STOP: &str = "BEGIN; LOCK TABLE events_requests IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2.5); COMMIT";
const STOPPED: &str = "SELECT 1 FROM pg_locks WHERE relation = 'events_requests'::regclass \
                       AND mode = 'AccessExclusiveLock' AND granted";
/// More than there are connections.
const TAKEN: usize = 40;
/// Short, so that one asks often.
const HURRY: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_orders_wait_long_for_the_database_no_more_are_taken_and_those_are_done() {
    let Some(shop) = shop_on_postgres("while_orders_wait_long_for_the_database").await else { return };
    let shop = Arc::new(shop);
    let customer = Customer::new(&shop, "mina");
    let (mut stop, stopped) = (JoinSet::new(), Arc::clone(&shop));
    stop.spawn_blocking(move || stopped.ask(Service::Orders, STOP));
    let locked = async || Ok(shop.ask(Service::Orders, STOPPED)?.pop());
    wait::until("the table to be locked", PATIENCE, locked).await.unwrap();
    let taken = join_all((0..TAKEN).map(|_| customer.complete(customer.wants(PLENTY, 1))));
    let refused = wait::until("an order to be refused", PATIENCE, async || {
        let answer = customer.place(HURRY, customer.wants(PLENTY, 1)).await;
        Ok(answer.err().filter(|status| reason(status).as_deref() == Some("OVERLOADED")))
    });
    let (taken, refused) = join!(taken, refused);
    refused.unwrap();
    for order in taken {
        assert_eq!(order.unwrap().state(), OrderState::Confirmed);
    }
    stop.join_all().await;
    audit::clean(&shop).await.unwrap();
}
