//! The same request, many times at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use madang_api::orders::v1::OrderState;
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::{Service, Shop, audit};

use crate::counted;

const CONNECTIONS: usize = 10;
const CALLS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_100_times_at_once_is_one_order_paid_sent_and_told_once() {
    let shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "echo");
    let clients: Vec<Customer> = (0..CONNECTIONS).map(|_| customer.again(&shop)).collect();
    let request = customer.wants(PLENTY, 1);
    let calls = clients.iter().flat_map(|client| (0..CALLS).map(|_| client.place(CALL, request.clone())));
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), 100);
    let named: BTreeSet<&str> = answers.iter().map(|order| order.order_id.as_str()).collect();
    assert_eq!(named.len(), 1, "100 answers name {named:?}");

    let order = customer.end_of(&answers[0].order_id).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    let report = audit::clean(&shop).await.unwrap();
    assert_eq!(report["orders"]["CONFIRMED"], 1, "{report:#}");
    customer.told_once_of(&[order]).await.unwrap();
    for (service, table, rows) in [
        (Service::Orders, "orders", 1),
        (Service::Inventory, "reservations", 1),
        (Service::Payments, "payments", 1),
        // Held, and then captured: an entry on each side.
        (Service::Payments, "ledger_entries", 4),
        (Service::Shipping, "shipments", 1),
        // Confirmed, and departed.
        (Service::Notifications, "notifications", 2),
    ] {
        assert_eq!(shop.count(service, table).unwrap(), rows, "{table} of {service}");
    }
    counted("repeats", "1 order of 100 calls");
}
