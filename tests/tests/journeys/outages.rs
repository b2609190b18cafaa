//! Orders while payments is dead.

use madang_api::orders::v1::OrderState;
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::{Service, Shop, audit};

use crate::outcome;

/// The answer comes a fifth of this before its end, which a busy machine must be able to bear.
const LATE: std::time::Duration = std::time::Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_waits_for_payments_and_one_that_is_cancelled_meanwhile_is_undone() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "yuna");
    shop.kill_nine(Service::Payments).unwrap();
    let waits = customer.place(LATE, customer.wants(PLENTY, 1)).await.unwrap();
    let leaves = customer.place(LATE, customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!((outcome(&waits), outcome(&leaves)), ((OrderState::Pending, ""), (OrderState::Pending, "")));
    let leaves = customer.cancel(LATE, &leaves.order_id).await.unwrap();
    assert_eq!(leaves.state(), OrderState::Cancelling);
    assert_eq!(customer.order(&waits.order_id).await.unwrap().state(), OrderState::Pending);

    shop.start(Service::Payments).await.unwrap();
    let waits = customer.end_of(&waits.order_id).await.unwrap();
    let leaves = customer.end_of(&leaves.order_id).await.unwrap();
    assert_eq!((waits.state(), leaves.state()), (OrderState::Confirmed, OrderState::Cancelled));
    let again = customer.cancel(CALL, &leaves.order_id).await.unwrap();
    assert_eq!(again.state(), OrderState::Cancelled);
    customer.told_once_of(&[waits, leaves]).await.unwrap();
    audit::clean(&shop).await.unwrap();
}
