//! Two processes of orders over one database: one dies, stands still, or ends, and the other goes on with its orders.

use std::time::Duration;

use futures::future::join_all;
use futures::join;
use madang_api::error::reason;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{Order, OrderState, PlaceOrderRequest, WatchOrderRequest};
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Replica, Service, Shop, audit};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::shop_on_postgres;

const ONE: Replica = Replica { service: Service::Orders, number: 0 };
const OTHER: Replica = Replica { service: Service::Orders, number: 1 };
const ORDERS: usize = 8;
/// Long enough to have an order written on a busy machine.
const HURRY: Duration = Duration::from_secs(3);
/// A beat that stands still is seen within 3 to 5 s, the orders are found at once, and a busy machine takes its time.
const WITHIN_SECONDS: Duration = Duration::from_secs(20);

/// A shop with two replicas of orders, and a customer of each; none where there is no PostgreSQL.
async fn shop(test: &str) -> Option<(Shop, Customer, Customer)> {
    let mut shop = shop_on_postgres(test).await?;
    shop.start(OTHER).await.unwrap();
    let at_gateway = Customer::new(&shop, "sora");
    let at = |replica: Replica| Customer {
        orders: OrdersServiceClient::new(shop.channel(replica)),
        ..at_gateway.clone()
    };
    let (one, other) = (at(ONE), at(OTHER));
    Some((shop, one, other))
}

/// Places orders that cannot end yet.
async fn place_some(customer: &Customer) -> Vec<Order> {
    let orders = (0..ORDERS).map(|_| customer.place(HURRY, customer.wants(PLENTY, 1)));
    join_all(orders).await.into_iter().map(Result::unwrap).collect()
}

/// Places orders at a replica that wait a second at payments, and stops it while their calls are on their way or their answers
/// have just come.
async fn stop_in_the_middle(shop: &Shop, one: &Customer, other: &Customer) -> Vec<Order> {
    let requests = (0..ORDERS).map(|_| {
        let slow = PlaceOrderRequest { card_token: "tok_slow".to_owned(), ..one.wants(PLENTY, 1) };
        one.place(HURRY, slow)
    });
    let stop = wait::until("all orders to be placed", PATIENCE, async || {
        let placed = other.list().await?;
        Ok((placed.len() == ORDERS).then_some(placed))
    });
    let stop = async {
        let placed = stop.await.unwrap();
        shop.signal(ONE, Signal::STOP).unwrap();
        placed
    };
    // It answers nobody then.
    let (_late, placed) = join!(join_all(requests), stop);
    placed
}

async fn ends(customer: &Customer, orders: &[Order]) -> Vec<Order> {
    let ends = join_all(orders.iter().map(|order| customer.end_of(&order.order_id))).await;
    ends.into_iter().map(Result::unwrap).collect()
}

fn all(orders: &[Order], state: OrderState) -> bool {
    orders.iter().all(|order| order.state() == state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_orders_of_a_replica_that_died_are_taken_over_within_seconds() {
    let Some((mut shop, one, other)) = shop("the_orders_of_a_replica_that_died").await else { return };
    shop.kill_nine(Service::Payments).unwrap();
    let orders = place_some(&one).await;
    assert!(all(&orders, OrderState::Pending));
    shop.kill_nine(ONE).unwrap();
    let died = Instant::now();
    shop.start(Service::Payments).await.unwrap();
    let orders = ends(&other, &orders).await;
    assert!(all(&orders, OrderState::Confirmed));
    assert!(died.elapsed() < WITHIN_SECONDS, "it took {:?}", died.elapsed());
    shop.start(ONE).await.unwrap();
    other.told_once_of(&orders).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_that_stood_still_does_no_harm_when_it_wakes() {
    let Some((shop, one, other)) = shop("a_driver_that_stood_still").await else { return };
    let placed = stop_in_the_middle(&shop, &one, &other).await;
    // Those that are not confirmed yet have a new driver by now or soon, and half of all are cancelled.
    let (kept, left) = placed.split_at(ORDERS / 2);
    let answers = join_all(left.iter().map(|order| other.cancel(CALL, &order.order_id))).await;
    let (kept, left) = (ends(&other, kept).await, ends(&other, left).await);
    shop.signal(ONE, Signal::CONT).unwrap();
    // It drives orders of its own again, and what it finds of the old ones is not its own any more.
    let again = one.complete(one.wants(PLENTY, 1)).await.unwrap();
    assert!(all(&kept, OrderState::Confirmed) && again.state() == OrderState::Confirmed);
    for (answer, order) in answers.into_iter().zip(&left) {
        let departed = answer.is_err_and(|status| reason(&status).as_deref() == Some("SHIPMENT_DEPARTED"));
        let expected = if departed { OrderState::Confirmed } else { OrderState::Cancelled };
        assert_eq!(order.state(), expected, "{order:?}");
    }
    let orders: Vec<Order> = [kept, left, vec![again]].concat();
    other.told_once_of(&orders).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_ends_hands_its_orders_over() {
    let Some((mut shop, one, other)) = shop("a_replica_that_ends").await else { return };
    shop.kill_nine(Service::Payments).unwrap();
    let orders = place_some(&one).await;
    shop.stop(ONE).await.unwrap();
    shop.start(Service::Payments).await.unwrap();
    let orders = ends(&other, &orders).await;
    assert!(all(&orders, OrderState::Confirmed));
    shop.start(ONE).await.unwrap();
    other.told_once_of(&orders).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_is_told_what_another_replica_did() {
    let Some((mut shop, one, other)) = shop("a_waiter_is_told").await else { return };
    shop.kill_nine(Service::Payments).unwrap();
    let [kept, left] = [one.wants(PLENTY, 1), one.wants(PLENTY, 1)];
    let kept = one.place(HURRY, kept).await.unwrap();
    let left = one.place(HURRY, left).await.unwrap();
    let request = WatchOrderRequest { order_id: kept.order_id.clone() };
    let mut watch = other.orders.clone().watch_order(request).await.unwrap().into_inner();
    // The other replica takes the order that it cancels, whose driver would ask payments on and on.
    let left = other.cancel(HURRY, &left.order_id).await.unwrap();
    assert_eq!(left.state(), OrderState::Cancelling);
    shop.start(Service::Payments).await.unwrap();
    let mut states = Vec::new();
    while let Some(answer) = watch.message().await.unwrap() {
        states.push(answer.order.unwrap().state());
    }
    assert_eq!(states, [OrderState::Pending, OrderState::Confirmed]);
    let left = one.end_of(&left.order_id).await.unwrap();
    assert_eq!(left.state(), OrderState::Cancelled);
    one.told_once_of(&[one.order(&kept.order_id).await.unwrap(), left]).await.unwrap();
    audit::clean(&shop).await.unwrap();
}
