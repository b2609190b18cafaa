//! What operators see and do.

use madang_api::orders::v1::{AuditOrdersRequest, OrderState, ResumeOrderRequest};
use tonic::Code;

use crate::participants::Answer::Refused;
use crate::world::{World, told, two_cups, uuid};

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_refused_makes_the_order_stuck_until_it_is_resumed() {
    let mut world = World::open().await;
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", [Refused("RESERVATION_SOLD")]);
    let order = world.place(two_cups(1)).await.unwrap();
    assert_eq!((order.state(), order.reason.as_str()), (OrderState::Stuck, "CARD_DECLINED"));
    assert_eq!(told(world.cancel(2, &order).await), (Code::FailedPrecondition, "ORDER_STUCK".into()));

    let request = || ResumeOrderRequest { order_id: order.order_id.clone() };
    let resumed = world.operator.resume_order(request()).await.unwrap().into_inner().order.unwrap();
    assert_eq!(resumed.state(), OrderState::Rejecting);
    let rejected = world.reaches(&order, OrderState::Rejected).await;
    let again = world.operator.resume_order(request()).await.unwrap().into_inner().order.unwrap();
    assert_eq!(again, rejected, "an order that is not stuck is answered as it is");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_order_cannot_be_resumed() {
    let mut world = World::open().await;
    let answer = world.operator.resume_order(ResumeOrderRequest { order_id: uuid(9) }).await;
    assert_eq!(told(answer), (Code::NotFound, "ORDER_NOT_FOUND".into()));
}

#[tokio::test(start_paused = true)]
async fn the_audit_reads_all_orders_of_some_states_page_by_page() {
    let mut world = World::open().await;
    for n in 1..=4 {
        if n % 2 == 0 {
            world.participants.answer("ReserveStock", [Refused("OUT_OF_STOCK")]);
        }
        world.place(two_cups(n)).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let states = vec![OrderState::Rejected.into()];
        let request = AuditOrdersRequest { page_size: 1, page_token, states };
        let page = world.operator.audit_orders(request).await.unwrap().into_inner();
        seen.extend(page.orders.iter().map(|order| order.state()));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [OrderState::Rejected, OrderState::Rejected]);
}
