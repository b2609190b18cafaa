use std::time::Duration;

use anyhow::{Context, Result};
use madang_api::catalog::v1::SearchProductsRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{ListNotificationsRequest, NotificationKind};
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{
    CancelOrderRequest, ListOrdersRequest, Order, OrderState, PlaceOrderRequest, WatchOrderRequest,
};
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{GetPaymentRequest, Payment};
use madang_api::within;
use tokio::time::{interval, timeout};
use tonic::Status;
use tonic::transport::Channel;

use super::teller::PATIENCE;
use crate::audit::is_final;
use crate::client::{PAGE_SIZE, call, connect};
use crate::shop::{Service, Shop};
use crate::system;

const BETWEEN: Duration = Duration::from_millis(50);

/// What a customer has: the gateway. And what the demo looks at besides: payments itself.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    catalog: CatalogServiceClient<Channel>,
    orders: OrdersServiceClient<Channel>,
    notifications: NotificationsServiceClient<Channel>,
    payments: PaymentsServiceClient<Channel>,
}

impl Stage {
    pub(super) async fn open(shop: &Shop) -> Result<Self> {
        let gateway = connect(shop.url(Service::Gateway)).await?;
        Ok(Self {
            catalog: CatalogServiceClient::new(gateway.clone()),
            orders: OrdersServiceClient::new(gateway.clone()),
            notifications: NotificationsServiceClient::new(gateway),
            payments: PaymentsServiceClient::new(connect(shop.url(Service::Payments)).await?),
        })
    }

    /// Searches the catalogue; answers how many products were found on the first page.
    pub(super) async fn search(&self, query: &str) -> Result<usize> {
        let request = SearchProductsRequest { query: query.to_owned(), ..SearchProductsRequest::default() };
        Ok(self.catalog.clone().search_products(call(request)).await?.into_inner().products.len())
    }

    /// Places an order; the answer is as it is after at most `limit`.
    pub(super) async fn place(&self, limit: Duration, order: PlaceOrderRequest) -> Result<Order> {
        let answer = self.orders.clone().place_order(within(limit, order)).await?.into_inner();
        answer.order.context("the answer has no order")
    }

    /// Places an order and follows it to its end.
    pub(super) async fn complete(&self, order: PlaceOrderRequest) -> Result<Order> {
        let order = self.place(PATIENCE / 2, order).await?;
        if is_final(order.state()) { Ok(order) } else { self.end(order.order_id).await }
    }

    /// Follows an order to its end.
    pub(super) async fn end(&self, order_id: String) -> Result<Order> {
        let told = format!("not final after {} s", PATIENCE.as_secs());
        timeout(PATIENCE, self.follow(order_id)).await.context(told)?
    }

    /// Asks to cancel an order; the answer is as it is after at most `limit`.
    pub(super) async fn cancel(&self, limit: Duration, order_id: String) -> Result<OrderState> {
        let request = CancelOrderRequest { request_id: system::request_id(), order_id };
        let answer = self.orders.clone().cancel_order(within(limit, request)).await?.into_inner();
        Ok(answer.order.unwrap_or_default().state())
    }

    /// How many orders a customer has.
    pub(super) async fn count(&self, customer_id: &str) -> Result<usize> {
        let customer_id = customer_id.to_owned();
        let request = ListOrdersRequest { customer_id, page_size: PAGE_SIZE, ..ListOrdersRequest::default() };
        Ok(self.orders.clone().list_orders(call(request)).await?.into_inner().orders.len())
    }

    /// The payment of an order, from payments itself: the gateway does not tell it.
    pub(super) async fn payment(&self, order_id: &str) -> Result<Payment> {
        let request = GetPaymentRequest { order_id: order_id.to_owned() };
        let answer = self.payments.clone().get_payment(call(request)).await?.into_inner();
        answer.payment.context("the answer has no payment")
    }

    /// Waits until the customer was told that an order is confirmed; answers how often.
    pub(super) async fn told(&self, customer_id: &str) -> Result<usize> {
        let told = async {
            let mut poll = interval(BETWEEN);
            loop {
                poll.tick().await;
                let count = self.told_so_far(customer_id).await?;
                if count > 0 {
                    return Ok(count);
                }
            }
        };
        timeout(PATIENCE, told).await.with_context(|| format!("not told within {} s", PATIENCE.as_secs()))?
    }

    async fn told_so_far(&self, customer_id: &str) -> Result<usize> {
        let customer_id = customer_id.to_owned();
        let request = ListNotificationsRequest {
            customer_id,
            page_size: PAGE_SIZE,
            ..ListNotificationsRequest::default()
        };
        let answer = self.notifications.clone().list_notifications(call(request)).await?.into_inner();
        let confirmed = |kind| kind == NotificationKind::OrderConfirmed;
        Ok(answer.notifications.iter().filter(|notification| confirmed(notification.kind())).count())
    }

    async fn follow(&self, order_id: String) -> Result<Order> {
        let mut changes = self.orders.clone().watch_order(WatchOrderRequest { order_id }).await?.into_inner();
        while let Some(change) = changes.message().await? {
            match change.order {
                Some(order) if is_final(order.state()) => return Ok(order),
                _ => {}
            }
        }
        Err(Status::aborted("the order is no longer followed, but is not final").into())
    }
}
