//! The list of sagas, as operators read it.

use madang_api::orders::v1::{ListSagasRequest, Order, OrderState, Saga};
use tonic::{Code, Status};

use crate::participants::Answer::{Lost, Refused};
use crate::world::{World, fields, told, two_cups};

async fn list(world: &mut World, states: &[OrderState]) -> Vec<Saga> {
    let states = states.iter().map(|state| (*state).into()).collect();
    let request = ListSagasRequest { states, ..ListSagasRequest::default() };
    world.operator.list_sagas(request).await.unwrap().into_inner().sagas
}

fn ids(sagas: &[Saga]) -> Vec<&str> {
    sagas.iter().map(|saga| saga.order_id.as_str()).collect()
}

/// One that is stuck.
async fn stuck(world: &mut World, n: u8) -> Order {
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", [Refused("RESERVATION_SOLD")]);
    let order = world.place(two_cups(n)).await.unwrap();
    assert_eq!(order.state(), OrderState::Stuck);
    order
}

/// One that is being refused, and whose undo finds nobody.
async fn rejecting(world: &mut World, n: u8) -> Order {
    world.participants.answer("AuthorizePayment", [Refused("CARD_DECLINED")]);
    world.participants.answer("ReleaseStock", std::iter::repeat_n(Lost, 1_000));
    let order = world.place_in_a_hurry(two_cups(n)).await;
    assert_eq!(order.state(), OrderState::Rejecting);
    order
}

/// One whose payment finds nobody.
async fn pending(world: &mut World, n: u8) -> Order {
    world.participants.answer("AuthorizePayment", std::iter::repeat_n(Lost, 1_000));
    let order = world.place_in_a_hurry(two_cups(n)).await;
    assert_eq!(order.state(), OrderState::Pending);
    order
}

#[tokio::test(start_paused = true)]
async fn a_stuck_saga_is_told_with_its_undos_and_the_way_it_goes_back_to() {
    let mut world = World::open().await;
    world.place(two_cups(1)).await.unwrap();
    let order = stuck(&mut world, 2).await;
    let saga = list(&mut world, &[]).await.pop().unwrap();
    assert_eq!((saga.order_id.as_str(), saga.customer_id.as_str()), (order.order_id.as_str(), "mina"));
    assert_eq!((saga.state(), saga.stuck_in()), (OrderState::Stuck, OrderState::Rejecting));
    assert_eq!(saga.reason, "CARD_DECLINED");
    assert_eq!(saga.undos, ["authorize-payment", "reserve-stock"]);
    assert_eq!((saga.total, saga.create_time), (order.total, order.create_time));
    assert_eq!((saga.update_time, saga.owner.len(), saga.wait), (order.update_time, 36, None));
}

#[tokio::test(start_paused = true)]
async fn a_saga_under_way_is_told_with_what_it_waits_for() {
    let mut world = World::open().await;
    let pays = pending(&mut world, 1).await;
    let saga = list(&mut world, &[]).await.pop().unwrap();
    assert_eq!((saga.order_id.as_str(), saga.state()), (pays.order_id.as_str(), OrderState::Pending));
    assert_eq!((saga.undos.len(), saga.stuck_in()), (0, OrderState::Unspecified));
    let wait = saga.wait.unwrap();
    assert_eq!((wait.step.as_str(), wait.undo), ("authorize-payment", false));
    assert!(wait.failures >= 1 && wait.cause.contains("lost"), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_waited_for_is_told_as_one() {
    let mut world = World::open().await;
    rejecting(&mut world, 1).await;
    let saga = list(&mut world, &[OrderState::Rejecting]).await.pop().unwrap();
    assert_eq!((saga.reason.as_str(), saga.undos.len()), ("CARD_DECLINED", 2));
    let wait = saga.wait.unwrap();
    assert_eq!((wait.step.as_str(), wait.undo), ("reserve-stock", true));
}

#[tokio::test(start_paused = true)]
async fn sagas_are_read_page_by_page_the_stuck_ones_first_and_final_ones_not_at_all() {
    let mut world = World::open().await;
    world.place(two_cups(1)).await.unwrap();
    let mut expected = Vec::new();
    for n in 2..=4 {
        expected.push(stuck(&mut world, n).await.order_id);
    }
    world.participants.answer("AuthorizePayment", std::iter::repeat_n(Lost, 1_000));
    for n in 5..=7 {
        expected.push(world.place_in_a_hurry(two_cups(n)).await.order_id);
    }
    for page_size in [1, 2, 4, 6] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListSagasRequest { page_size, page_token, states: Vec::new() };
            let page = world.operator.list_sagas(request).await.unwrap().into_inner();
            assert!(page.sagas.len() <= usize::try_from(page_size).unwrap());
            seen.extend(page.sagas.into_iter().map(|saga| saga.order_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected, "pages of {page_size}");
    }
}

#[tokio::test(start_paused = true)]
async fn states_are_a_filter() {
    let mut world = World::open().await;
    let stuck = stuck(&mut world, 1).await;
    let rejecting = rejecting(&mut world, 2).await;
    let pending = pending(&mut world, 3).await;
    assert_eq!(ids(&list(&mut world, &[OrderState::Stuck]).await), [&stuck.order_id]);
    assert_eq!(ids(&list(&mut world, &[OrderState::Pending]).await), [&pending.order_id]);
    let open = [OrderState::Rejecting, OrderState::Pending, OrderState::Cancelling];
    assert_eq!(ids(&list(&mut world, &open).await), [&rejecting.order_id, &pending.order_id]);
    assert_eq!(list(&mut world, &[OrderState::Cancelling]).await, []);
    world.cancel(4, &pending).await.unwrap();
    world.reaches(&pending, OrderState::Cancelled).await;
    assert_eq!(list(&mut world, &[OrderState::Pending]).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_bad_filter_and_a_token_of_another_are_refused() {
    let mut world = World::open().await;
    let states = vec![OrderState::Stuck.into(), OrderState::Confirmed.into(), 0, 99];
    let request = ListSagasRequest { states, ..ListSagasRequest::default() };
    let status: Status = world.operator.list_sagas(request).await.unwrap_err();
    assert_eq!(fields(&status), ["states[1]", "states[2]", "states[3]"]);

    stuck(&mut world, 1).await;
    stuck(&mut world, 2).await;
    let request = ListSagasRequest { page_size: 1, ..ListSagasRequest::default() };
    let page_token = world.operator.list_sagas(request).await.unwrap().into_inner().next_page_token;
    let states = vec![OrderState::Stuck.into()];
    let other = world.operator.list_sagas(ListSagasRequest { page_size: 1, page_token, states }).await;
    assert_eq!(told(other), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".into()));
}
