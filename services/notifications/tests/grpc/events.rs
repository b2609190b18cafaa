//! What each event tells, and that it tells it once.

use madang_api::convert::moment;
use madang_api::events::v1::{
    OrderCancelled, OrderRejected, PaymentCaptured, PaymentOutstanding, ShipmentDeparted,
};
use madang_api::notifications::v1::NotificationKind as Kind;
use madang_events::NewEvent;
use uuid::Uuid;

use crate::shop::{Shop, confirmed, order};

#[tokio::test(start_paused = true)]
async fn each_event_is_told_in_both_languages() {
    let (mut shop, order) = (Shop::open(), order(1));
    let (order_id, customer_id) = (order.clone(), "mina".to_owned());
    let before = shop.now();
    let id = shop.publish("orders", &order, &confirmed(&order, "mina")).await;
    let rejected = OrderRejected {
        order_id: order_id.clone(),
        customer_id: customer_id.clone(),
        reason: "OUT_OF_STOCK".into(),
    };
    shop.publish("orders", &order, &rejected).await;
    let cancelled = OrderCancelled {
        order_id: order_id.clone(),
        customer_id: customer_id.clone(),
        reason: "CANCELLED_BY_CUSTOMER".into(),
    };
    shop.publish("orders", &order, &cancelled).await;
    let outstanding = PaymentOutstanding { order_id: order_id.clone(), customer_id: customer_id.clone() };
    shop.publish("payments", &order, &outstanding).await;
    let departed = ShipmentDeparted { order_id, tracking_number: "MD0123456789AB".into(), customer_id };
    shop.publish("shipping", &order, &departed).await;

    let told = shop.of("mina").await;
    assert!(told.iter().all(|told| told.order_id == order && told.customer_id == "mina"));
    let kinds: Vec<_> = told.iter().rev().map(|told| told.kind()).collect();
    let expected = [
        Kind::OrderConfirmed,
        Kind::OrderRejected,
        Kind::OrderCancelled,
        Kind::PaymentOutstanding,
        Kind::ShipmentDeparted,
    ];
    assert_eq!(kinds, expected);
    let words = [
        ("45.00 USD", "45.00 USD"),
        ("out of stock", "품절"),
        ("asked", "요청"),
        ("payment", "결제"),
        ("MD0123", "MD0123"),
    ];
    for (told, (en, ko)) in told.iter().rev().zip(words) {
        assert!(told.text_en.contains(en) && told.text_ko.contains(ko), "{told:?}");
    }
    let first = told.last().unwrap();
    assert_eq!(first.notification_id, id.to_string(), "the event's id");
    let created = moment(first.create_time.unwrap()).unwrap();
    assert!((before..shop.now()).contains(&created), "the event's time");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_twice_is_told_once() {
    let (mut shop, order) = (Shop::open(), order(1));
    let event = NewEvent::new(Uuid::from_u128(7), order.as_str(), shop.now(), &confirmed(&order, "mina"));
    shop.publish_all("orders", vec![event.clone(), event.clone()]).await;
    shop.publish_all("orders", vec![event]).await;
    assert_eq!(shop.of("mina").await.len(), 1);
    assert_eq!(shop.letters().await, []);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_tells_nobody_anything_is_passed_over() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.publish("payments", &order, &PaymentCaptured { order_id: order.clone(), amount: None }).await;
    assert_eq!((shop.of("mina").await, shop.letters().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_is_a_dead_letter_and_others_go_on() {
    let mut shop = Shop::open();
    let [one, two, three] = [1, 2, 3].map(order);
    shop.publish("orders", "no order", &confirmed(&one, "mina")).await;
    shop.publish("orders", &one, &confirmed(&one, "a b")).await;
    let mut nothing = confirmed(&two, "mina");
    nothing.total = None;
    shop.publish("orders", &two, &nothing).await;
    shop.publish("orders", &three, &confirmed(&three, "mina")).await;
    let letters = shop.letters().await;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["EVENT_UNREADABLE"; 3]);
    assert!(letters[0].detail.contains("order") && letters[1].detail.contains("customer_id"), "{letters:?}");
    let told: Vec<_> = shop.of("mina").await.into_iter().map(|told| told.order_id).collect();
    assert_eq!(told, [three]);
}
