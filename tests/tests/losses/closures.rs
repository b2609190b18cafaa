//! What an order costs: the transactions on its path, counted by the services themselves.

use std::collections::BTreeMap;

use futures::future::join_all;
use madang_api::orders::v1::OrderState;
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::{Service, Shop, audit, servers};

const AT_ONCE: usize = 10;
/// The order is created and confirmed; stock, payment and shipment are a transaction each.
const PATH: [(Service, u64); 6] = [
    (Service::Catalog, 0),
    (Service::Inventory, 1),
    (Service::Payments, 1),
    (Service::Shipping, 1),
    (Service::Orders, 2),
    (Service::Notifications, 0),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_order_is_five_committed_closures_and_what_follows_is_counted_apart() {
    let shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "five");
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    let (path, others) = counts_at_rest(&shop).await;
    assert_eq!(path, PATH.map(|(_, closures)| closures));
    assert_eq!(path.iter().sum::<u64>(), 5);
    for kind in ["relay", "cursor", "lease"] {
        assert!(others[kind] > 0, "{kind} is counted apart: {others:?}");
    }

    let orders = join_all((0..AT_ONCE).map(|_| customer.complete(customer.wants(PLENTY, 1)))).await;
    assert_eq!(orders.len(), AT_ONCE);
    assert!(orders.iter().all(|order| order.as_ref().is_ok_and(|it| it.state() == OrderState::Confirmed)));
    let (path, _) = counts_at_rest(&shop).await;
    assert_eq!(path, PATH.map(|(_, closures)| 11 * closures), "the same for each of many at once");
}

/// Closures on the orders' path by service, and all others by kind, once no event is under way.
async fn counts_at_rest(shop: &Shop) -> ([u64; PATH.len()], BTreeMap<String, u64>) {
    audit::clean(shop).await.unwrap();
    let (mut path, mut others) = ([0; PATH.len()], BTreeMap::new());
    for (index, (service, _)) in PATH.into_iter().enumerate() {
        let name = "madang_db_closures_committed";
        let mut counts = servers::counter(&shop.admin_url(service), name).await.unwrap();
        path[index] = counts.remove("order-path").unwrap();
        for (kind, count) in counts {
            *others.entry(kind).or_default() += count;
        }
    }
    (path, others)
}
