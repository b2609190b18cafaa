//! Calls of orders and notifications.

use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{ListNotificationsRequest, NotificationKind, WatchNotificationsRequest};
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{
    AuditOrdersRequest, CancelOrderRequest, GetOrderRequest, ListOrdersRequest, ListSagasRequest, OrderState,
    ResumeOrderRequest, WatchOrderRequest,
};
use madang_api::within;
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::{Service, ids};
use tokio::time::timeout;

use crate::World;

pub(crate) async fn call_orders(world: &World) {
    let mut orders = OrdersServiceClient::new(world.channel(Service::Orders));
    let customer = Customer::new(&world.shop, "direct");
    let placed = orders.place_order(within(CALL, customer.wants(PLENTY, 1))).await.unwrap();
    let order = placed.into_inner().order.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    let order_id = order.order_id.clone();
    let got = orders.get_order(GetOrderRequest { order_id: order_id.clone() }).await.unwrap().into_inner();
    assert_eq!(got.order.unwrap().state(), OrderState::Confirmed);
    let list = ListOrdersRequest { customer_id: customer.id, ..ListOrdersRequest::default() };
    assert_eq!(orders.list_orders(list).await.unwrap().into_inner().orders[0].order_id, order_id);
    // Payments is told nothing of this order, so that its parcel waits and it can be cancelled.
    let cancel = CancelOrderRequest { request_id: ids::uuid(), order_id: order_id.clone() };
    let cancelled = orders.cancel_order(within(CALL, cancel)).await.unwrap().into_inner().order.unwrap();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    let watch = WatchOrderRequest { order_id: order_id.clone() };
    let mut states = orders.watch_order(watch).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().order.unwrap().state(), OrderState::Cancelled);
    assert_eq!(states.message().await.unwrap(), None);

    let mut operator = OrdersOperatorServiceClient::new(world.channel(Service::Orders));
    let audit =
        AuditOrdersRequest { states: vec![OrderState::Cancelled.into()], ..AuditOrdersRequest::default() };
    assert_eq!(operator.audit_orders(audit).await.unwrap().into_inner().orders[0].order_id, order_id);
    let resumed = operator.resume_order(ResumeOrderRequest { order_id: order_id.clone() }).await.unwrap();
    assert_eq!(resumed.into_inner().order.unwrap().state(), OrderState::Cancelled);
    let sagas = operator.list_sagas(ListSagasRequest::default()).await.unwrap().into_inner().sagas;
    assert_eq!(sagas, [], "no order is under way or stuck");
}

pub(crate) async fn call_notifications(world: &World) {
    let mut notifications = NotificationsServiceClient::new(world.channel(Service::Notifications));
    let customer = Customer::new(&world.shop, "listener");
    let watch = WatchNotificationsRequest { customer_id: customer.id.clone() };
    let mut news = notifications.watch_notifications(watch).await.unwrap().into_inner();
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    let heard = timeout(CALL, news.message()).await.unwrap().unwrap().unwrap().notification.unwrap();
    assert_eq!((heard.kind(), &heard.order_id), (NotificationKind::OrderConfirmed, &order.order_id));
    let list = ListNotificationsRequest { customer_id: customer.id, ..ListNotificationsRequest::default() };
    assert_eq!(notifications.list_notifications(list).await.unwrap().into_inner().notifications, [heard]);
}
