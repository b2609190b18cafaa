//! A process that ends, at any moment, leaves orders that the next one finishes.

use madang_api::orders::v1::OrderState;

use crate::participants::Answer::{Held, Lost, Refused};
use crate::world::{World, two_cups};

#[tokio::test(start_paused = true)]
async fn a_new_process_asks_from_the_first_step_and_confirms() {
    let mut world = World::open().await;
    world.participants.answer("ArrangeShipment", [Held]);
    let order = world.place_in_a_hurry(two_cups(1)).await;
    world.participants.called("ArrangeShipment", 1).await;
    world.restart().await;
    world.reaches(&order, OrderState::Confirmed).await;
    assert_eq!(world.participants.calls()[3..], ["ReserveStock", "AuthorizePayment", "ArrangeShipment"]);
    assert_eq!(world.events(2).await, ["OrderPlaced", "OrderConfirmed"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_process_that_meets_a_refusal_undoes_every_step_that_may_have_been_sent() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Held]);
    let order = world.place_in_a_hurry(two_cups(1)).await;
    world.participants.called("AuthorizePayment", 1).await;
    world.participants.answer("ReserveStock", [Refused("STEP_UNDONE")]);
    world.restart().await;
    world.reaches(&order, OrderState::Rejected).await;
    let calls = world.participants.calls();
    assert_eq!(calls[2..], ["ReserveStock", "CancelShipment", "VoidPayment", "ReleaseStock"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_process_goes_on_with_the_undos() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", std::iter::repeat_n(Lost, 20));
    let order = world.place_in_a_hurry(two_cups(1)).await;
    assert_eq!((order.state(), order.reason.as_str()), (OrderState::Rejecting, "CARD_DECLINED"));
    world.participants.called("ReleaseStock", 1).await;
    world.restart().await;
    world.participants.called("ReleaseStock", 21).await;
    let order = world.reaches(&order, OrderState::Rejected).await;
    assert_eq!(order.reason, "CARD_DECLINED");
}

#[tokio::test(start_paused = true)]
async fn a_final_order_is_left_alone() {
    let mut world = World::open().await;
    let order = world.place(two_cups(1)).await.unwrap();
    world.restart().await;
    assert_eq!(world.get(&order).await, order);
    assert_eq!(world.participants.calls().len(), 3);
}
