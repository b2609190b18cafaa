//! Cancelling, at every stage of an order.

use madang_api::orders::v1::{CancelOrderRequest, OrderState};
use tonic::Code;

use crate::participants::Answer::{Held, Lost, Refused};
use crate::world::{World, told, two_cups, uuid};

#[tokio::test(start_paused = true)]
async fn a_confirmed_order_is_cancelled_by_its_shipment_alone_and_events_do_the_rest() {
    let mut world = World::open().await;
    let order = world.place(two_cups(1)).await.unwrap();
    let cancelled = world.cancel(2, &order).await.unwrap();
    assert_eq!(
        (cancelled.state(), cancelled.reason.as_str()),
        (OrderState::Cancelled, "CANCELLED_BY_CUSTOMER")
    );
    assert_eq!(world.participants.calls()[3..], ["CancelShipment"]);
    assert_eq!(world.events(3).await, ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_idempotent_by_request_id_and_by_nature() {
    let mut world = World::open().await;
    let order = world.place(two_cups(1)).await.unwrap();
    let cancelled = world.cancel(2, &order).await.unwrap();
    assert_eq!(world.cancel(2, &order).await.unwrap(), cancelled);
    assert_eq!(world.cancel(3, &order).await.unwrap(), cancelled);
    assert_eq!(world.participants.calls().len(), 4);
    let other = world.place(two_cups(4)).await.unwrap();
    assert_eq!(told(world.cancel(2, &other).await), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
}

#[tokio::test(start_paused = true)]
async fn a_pending_order_is_undone_whole_also_while_a_step_is_on_its_way() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Held]);
    let order = world.place_in_a_hurry(two_cups(1)).await;
    world.participants.called("AuthorizePayment", 1).await;
    let mut orders = world.orders.clone();
    let request = CancelOrderRequest { request_id: uuid(2), order_id: order.order_id.clone() };
    let cancel = tokio::join!(orders.cancel_order(request), async {
        world.reaches(&order, OrderState::Cancelling).await;
        world.participants.let_go();
    });
    assert_eq!(cancel.0.unwrap().into_inner().order.unwrap().state(), OrderState::Cancelled);
    let calls = world.participants.calls();
    assert_eq!(calls[calls.len() - 3..], ["CancelShipment", "VoidPayment", "ReleaseStock"]);
    assert_eq!(world.events(2).await, ["OrderPlaced", "OrderCancelled"]);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_waits_for_a_participant_is_cancelled_at_once() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", std::iter::repeat_n(Lost, 1_000));
    let order = world.place_in_a_hurry(two_cups(1)).await;
    assert_eq!(world.cancel(2, &order).await.unwrap().state(), OrderState::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_parcel_departed_stays_confirmed() {
    let mut world = World::open().await;
    let order = world.place(two_cups(1)).await.unwrap();
    world.participants.answer("CancelShipment", [Refused("SHIPMENT_DEPARTED")]);
    let refused = (Code::FailedPrecondition, "SHIPMENT_DEPARTED".to_owned());
    assert_eq!(told(world.cancel(2, &order).await), refused);
    assert_eq!(world.get(&order).await.state(), OrderState::Confirmed);
    assert_eq!(told(world.cancel(2, &order).await), refused, "a repeat gets the refusal again");
    assert_eq!(world.events(2).await, ["OrderPlaced", "OrderConfirmed"]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_order_cannot_be_cancelled() {
    let mut world = World::open().await;
    world.participants.answer("ReserveStock", [Refused("OUT_OF_STOCK")]);
    let order = world.place(two_cups(1)).await.unwrap();
    assert_eq!(told(world.cancel(2, &order).await), (Code::FailedPrecondition, "ORDER_REJECTED".into()));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_order_cannot_be_cancelled() {
    let mut world = World::open().await;
    let request = CancelOrderRequest { request_id: uuid(1), order_id: uuid(2) };
    let answer = world.orders.cancel_order(request).await;
    assert_eq!(told(answer), (Code::NotFound, "ORDER_NOT_FOUND".into()));
}
