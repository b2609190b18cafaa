//! What captured payments do to parcels.

use madang_api::events::v1::{PaymentOutstanding, RedriveDeadLetterRequest, ShipmentDeparted};
use madang_api::shipping::v1::{ArrangeShipmentRequest, ShipmentState, TrackingStepKind};
use tonic::Code;

use crate::shop::{Shop, address, order, parcel, refusal};

#[tokio::test(start_paused = true)]
async fn a_captured_payment_lets_the_parcel_go_once() {
    let (mut shop, order) = (Shop::open(), order(1));
    let arranged = shop.arrange(parcel(&order)).await.unwrap();
    shop.capture(&order).await;
    shop.capture(&order).await;
    let departed = shop.get(&order).await.unwrap();
    assert_eq!(departed.state(), ShipmentState::Departed);
    let events = shop.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!((event.key.as_str(), event.traceparent.as_str()), (order.as_str(), "trace"));
    let step = departed.steps.iter().find(|step| step.kind() == TrackingStepKind::Departed).unwrap();
    assert_eq!(madang_api::convert::moment(step.time.unwrap()), Some(event.occur_time));
    let expected = ShipmentDeparted {
        order_id: order.clone(),
        tracking_number: arranged.tracking_number,
        customer_id: "mina".into(),
    };
    assert_eq!(event.decode::<ShipmentDeparted>().unwrap(), expected);
    assert_eq!(
        shop.arrange(parcel(&order)).await.unwrap().state(),
        ShipmentState::Departed,
        "its present state"
    );
}

#[tokio::test(start_paused = true)]
async fn a_departed_parcel_cannot_be_cancelled() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    shop.capture(&order).await;
    let departed = (Code::FailedPrecondition, "SHIPMENT_DEPARTED".to_owned());
    assert_eq!(refusal(shop.cancel(&order).await), departed);
    assert_eq!(shop.get(&order).await.unwrap().state(), ShipmentState::Departed);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_parcel_and_a_tombstone_stay_in_the_shop() {
    let mut shop = Shop::open();
    shop.arrange(parcel(&order(1))).await.unwrap();
    for order in [order(1), order(2)] {
        let cancelled = shop.cancel(&order).await.unwrap();
        shop.capture(&order).await;
        assert_eq!(shop.get(&order).await.unwrap(), cancelled);
    }
    assert_eq!(shop.events().await, []);
    assert_eq!(shop.letters().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_payment_without_a_parcel_is_a_dead_letter_that_can_be_redriven() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.capture(&order).await;
    let letters = shop.letters().await;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["SHIPMENT_NOT_FOUND"]);
    shop.arrange(parcel(&order)).await.unwrap();
    let redrive = RedriveDeadLetterRequest { dead_letter_id: letters[0].dead_letter_id.clone() };
    let applied = shop.dead_letters.redrive_dead_letter(redrive).await.unwrap().into_inner().applied;
    assert_eq!((applied, shop.letters().await.len()), (1, 0));
    assert_eq!(shop.get(&order).await.unwrap().state(), ShipmentState::Departed);
}

#[tokio::test(start_paused = true)]
async fn a_payment_for_a_refused_parcel_is_a_dead_letter() {
    let (mut shop, order) = (Shop::open(), order(1));
    let far = ArrangeShipmentRequest { address: Some(address("AQ")), ..parcel(&order) };
    shop.arrange(far).await.unwrap_err();
    shop.capture(&order).await;
    assert_eq!(shop.letters().await[0].reason, "SHIPMENT_NOT_FOUND");
    assert_eq!(shop.events().await, []);
}

#[tokio::test(start_paused = true)]
async fn an_event_about_no_order_is_a_dead_letter_and_others_go_on() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    shop.capture("no order").await;
    assert_eq!(shop.letters().await[0].reason, "EVENT_UNREADABLE");
    shop.capture(&order).await;
    assert_eq!(shop.get(&order).await.unwrap().state(), ShipmentState::Departed);
}

#[tokio::test(start_paused = true)]
async fn other_events_of_payments_change_nothing() {
    let (mut shop, order) = (Shop::open(), order(1));
    let arranged = shop.arrange(parcel(&order)).await.unwrap();
    shop.publish(&order, &PaymentOutstanding { order_id: order.clone(), customer_id: "mina".into() }).await;
    assert_eq!(shop.get(&order).await.unwrap(), arranged);
    assert_eq!((shop.events().await, shop.letters().await), (vec![], vec![]));
}
