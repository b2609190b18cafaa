//! Placing, reading, listing and watching orders.

use std::collections::HashSet;

use madang_api::orders::v1::{GetOrderRequest, ListOrdersRequest, OrderState, WatchOrderRequest};
use tonic::Code;

use crate::participants::Answer::{Held, Lost, MeshDenied, Refused};
use crate::world::{World, told, two_cups, uuid};

#[tokio::test(start_paused = true)]
async fn a_good_order_is_confirmed_with_its_prices() {
    let mut world = World::open().await;
    let order = world.place(two_cups(1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    assert_eq!(order.total.as_ref().unwrap().minor_units, 2_500);
    assert_eq!(order.shipping_price.as_ref().unwrap().minor_units, 500);
    assert_eq!(world.participants.calls(), ["ReserveStock", "AuthorizePayment", "ArrangeShipment"]);
    assert_eq!(world.events(2).await, ["OrderPlaced", "OrderConfirmed"]);
    assert_eq!(world.get(&order).await, order);
}

#[tokio::test(start_paused = true)]
async fn each_refused_step_is_undone_with_those_before_it() {
    let cases = [
        ("ReserveStock", "OUT_OF_STOCK", vec!["ReleaseStock"]),
        ("AuthorizePayment", "CARD_DECLINED", vec!["VoidPayment", "ReleaseStock"]),
        ("ArrangeShipment", "REGION_NOT_SERVED", vec!["CancelShipment", "VoidPayment", "ReleaseStock"]),
    ];
    for (step, reason, undos) in cases {
        let mut world = World::open().await;
        world.participants.answer(step, [Refused(reason)]);
        let order = world.place(two_cups(1)).await.unwrap();
        assert_eq!((order.state(), order.reason.as_str()), (OrderState::Rejected, reason));
        let calls = world.participants.calls();
        let done = calls.iter().position(|call| *call == step).unwrap() + 1;
        assert_eq!(calls[done..], undos, "{step}");
        assert_eq!(world.events(2).await, ["OrderPlaced", "OrderRejected"]);
    }
}

#[tokio::test(start_paused = true)]
async fn each_step_and_undo_is_asked_again_until_its_outcome_is_known() {
    let mut world = World::open().await;
    for step in ["ReserveStock", "AuthorizePayment", "VoidPayment", "ReleaseStock"] {
        world.participants.answer(step, [Lost, MeshDenied]);
    }
    world.participants.answer("ArrangeShipment", [Lost, Refused("PARCEL_TOO_HEAVY")]);
    let order = world.place(two_cups(1)).await.unwrap();
    let order = world.reaches(&order, OrderState::Rejected).await;
    assert_eq!(order.reason, "PARCEL_TOO_HEAVY");
    let calls = world.participants.calls();
    let times = |step: &str| calls.iter().filter(|call| **call == step).count();
    let steps = ["ReserveStock", "AuthorizePayment", "ArrangeShipment", "VoidPayment", "ReleaseStock"];
    assert_eq!(steps.map(times), [3, 3, 2, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_answers_the_same_order_without_asking_for_prices() {
    let mut world = World::open().await;
    let first = world.place(two_cups(1)).await.unwrap();
    world.participants.answer("BatchGetProducts", [Lost]);
    assert_eq!(world.place(two_cups(1)).await.unwrap(), first);
    assert_eq!(world.participants.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn many_at_once_with_one_request_id_make_one_order() {
    let world = World::open().await;
    let calls = (0..20).map(|_| {
        let mut orders = world.orders.clone();
        async move { orders.place_order(two_cups(1)).await.unwrap().into_inner().order.unwrap() }
    });
    let orders = futures::future::join_all(calls).await;
    let ids: HashSet<_> = orders.iter().map(|order| &order.order_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.participants.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_id_with_other_content_is_refused() {
    let mut world = World::open().await;
    world.place(two_cups(1)).await.unwrap();
    let mut other = two_cups(1);
    other.lines[0].quantity = 3;
    assert_eq!(told(world.place(other).await), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let mut other = two_cups(1);
    other.card_token = "tok_other".into();
    assert_eq!(told(world.place(other).await), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_time_is_nearly_over_gets_the_state_so_far_and_the_order_goes_on() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Held]);
    let order = world.place_in_a_hurry(two_cups(1)).await;
    assert_eq!(order.state(), OrderState::Pending);
    world.participants.let_go();
    world.reaches(&order, OrderState::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_never_answered_is_rejected_when_its_own_time_is_over() {
    let mut world = World::open().await;
    world.participants.answer("ArrangeShipment", std::iter::repeat_n(Lost, 10_000));
    let order = world.place_in_a_hurry(two_cups(1)).await;
    world.clock.advance(std::time::Duration::from_secs(901));
    let order = world.reaches(&order, OrderState::Rejected).await;
    assert_eq!(order.reason, "ORDER_EXPIRED");
    let calls = world.participants.calls();
    assert_eq!(calls[calls.len() - 3..], ["CancelShipment", "VoidPayment", "ReleaseStock"]);
}

#[tokio::test(start_paused = true)]
async fn orders_are_listed_newest_first_a_page_at_a_time() {
    let mut world = World::open().await;
    let mut placed = Vec::new();
    for n in 1..=5 {
        placed.insert(0, world.place(two_cups(n)).await.unwrap().order_id);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListOrdersRequest { customer_id: "mina".into(), page_size: 2, page_token };
        let page = world.orders.list_orders(request).await.unwrap().into_inner();
        seen.extend(page.orders.into_iter().map(|order| order.order_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, placed);
    let nobody = ListOrdersRequest { customer_id: "nobody".into(), ..ListOrdersRequest::default() };
    assert_eq!(world.orders.list_orders(nobody).await.unwrap().into_inner().orders, []);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_the_order_at_once_and_ends_when_it_is_final() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Held]);
    let order = world.place_in_a_hurry(two_cups(1)).await;
    let request = WatchOrderRequest { order_id: order.order_id };
    let mut states = world.orders.watch_order(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(answer) = states.message().await.unwrap() {
        seen.push(answer.order.unwrap().state());
        world.participants.let_go();
    }
    assert_eq!(seen, [OrderState::Pending, OrderState::Confirmed]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_order_is_not_found() {
    let mut world = World::open().await;
    let answer = world.orders.get_order(GetOrderRequest { order_id: uuid(9) }).await;
    assert_eq!(told(answer), (Code::NotFound, "ORDER_NOT_FOUND".into()));
    let answer = world.orders.watch_order(WatchOrderRequest { order_id: uuid(9) }).await;
    assert_eq!(told(answer.map(drop)), (Code::NotFound, "ORDER_NOT_FOUND".into()));
}
