//! Events of orders in, events of payments out, by the feeds of both.

use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::{
    Event, ListCursorsRequest, ListDeadLettersRequest, OrderCancelled, OrderConfirmed, PaymentCaptured,
    PaymentOutstanding, RedriveDeadLetterRequest, SubscribeRequest,
};
use madang_api::payments::v1::PaymentState;
use prost::Message;
use tonic::Code;

use crate::shop::{Shop, id, in_time, refused, usd};

fn confirmed(n: u128) -> OrderConfirmed {
    OrderConfirmed { order_id: id(n), customer_id: "mina".into(), total: Some(usd(1000)) }
}

fn cancelled(n: u128) -> OrderCancelled {
    OrderCancelled { order_id: id(n), customer_id: "mina".into(), reason: "CANCELLED".into() }
}

/// The first events that payments publishes, so many of them.
async fn published(shop: &Shop, count: usize) -> Vec<Event> {
    let request = SubscribeRequest { consumer: "test".into(), after_position: 0 };
    let read = async {
        let mut stream = shop.feed().subscribe(request).await.unwrap().into_inner();
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(stream.message().await.unwrap().unwrap().events);
        }
        events
    };
    in_time(read).await
}

#[tokio::test]
async fn a_confirmed_order_is_captured_and_told() {
    let mut shop = Shop::open().await;
    shop.authorize(1, "tok_visa").await.unwrap();
    shop.publish(1, &confirmed(1)).await;
    let events = published(&shop, 1).await;
    assert_eq!((events[0].r#type.as_str(), &events[0].key), ("madang.events.v1.PaymentCaptured", &id(1)));
    let payload = PaymentCaptured::decode(&*events[0].payload).unwrap();
    assert_eq!(payload, PaymentCaptured { order_id: id(1), amount: Some(usd(1000)) });
    assert_eq!(shop.get(1).await.unwrap().state(), PaymentState::Captured);
}

#[tokio::test]
async fn a_capture_by_an_operator_is_told_once() {
    let shop = Shop::captured(1).await;
    // What comes after in the log shows that the confirmation of the first published nothing.
    shop.publish(1, &confirmed(1)).await;
    shop.publish(2, &confirmed(2)).await;
    let events = published(&shop, 2).await;
    let told: Vec<_> = events.iter().map(|event| (event.r#type.as_str(), event.key.clone())).collect();
    let expected =
        [("madang.events.v1.PaymentCaptured", id(1)), ("madang.events.v1.PaymentOutstanding", id(2))];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_cancelled_order_gets_its_money_back() {
    let mut shop = Shop::captured(1).await;
    shop.authorize(2, "tok_visa").await.unwrap();
    shop.authorize(3, "tok_visa").await.unwrap();
    for n in 1..=2 {
        shop.publish(n, &cancelled(n)).await;
    }
    // Events of one producer are applied in order: when the last is told, those before are applied.
    shop.publish(3, &confirmed(3)).await;
    published(&shop, 2).await;
    assert_eq!(shop.get(1).await.unwrap().state(), PaymentState::Refunded);
    assert_eq!(shop.get(2).await.unwrap().state(), PaymentState::Voided);
    assert_eq!((shop.balance("held").await, shop.balance("shop").await), (0, 1000));
}

#[tokio::test]
async fn a_capture_that_cannot_be_done_blocks_its_order_and_is_told() {
    let mut shop = Shop::open().await;
    shop.void(1).await.unwrap();
    shop.authorize(2, "tok_visa").await.unwrap();
    shop.publish(1, &confirmed(1)).await;
    shop.publish(1, &cancelled(1)).await;
    shop.publish(2, &confirmed(2)).await;
    let events = published(&shop, 2).await;
    let payload = PaymentOutstanding::decode(&*events[0].payload).unwrap();
    assert_eq!(payload, PaymentOutstanding { order_id: id(1), customer_id: "mina".into() });
    assert_eq!(events[1].r#type, "madang.events.v1.PaymentCaptured", "other orders go on");

    let letters = shop.dead_letters().list_dead_letters(ListDeadLettersRequest::default()).await.unwrap();
    let letters = letters.into_inner().dead_letters;
    let seen: Vec<_> = letters.iter().map(|letter| (letter.reason.as_str(), letter.parked)).collect();
    assert_eq!(seen, [("PAYMENT_OUTSTANDING", false), ("", true)]);
    let cursors = CursorServiceClient::new(shop.client.clone()).list_cursors(ListCursorsRequest {}).await;
    let cursors = cursors.unwrap().into_inner().cursors;
    let seen: Vec<_> =
        cursors.iter().map(|c| (c.producer.as_str(), c.position, c.dead_letters, c.parked)).collect();
    assert_eq!(seen, [("orders", 3, 1, 1)]);

    let dead_letter_id = letters[0].dead_letter_id.clone();
    let again = shop.dead_letters().redrive_dead_letter(RedriveDeadLetterRequest { dead_letter_id }).await;
    assert_eq!(refused(again), (Code::FailedPrecondition, "REDRIVE_FAILED".to_owned()));
}
