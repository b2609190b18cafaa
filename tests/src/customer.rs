//! What a customer does: everything through the gateway, by gRPC.

mod lists;

use std::time::Duration;

use anyhow::Result;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{CancelOrderRequest, GetOrderRequest, Order, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address, ProductQuantity};
use madang_api::within;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::wait::{self, PATIENCE};
use crate::{Service, Shop, ids};

/// How long one call may take.
pub const CALL: Duration = Duration::from_secs(10);
/// How long a call may take where the answer is known to be late.
pub const SHORT: Duration = Duration::from_secs(1);

/// A product with plenty of stock.
pub const PLENTY: &str = "homi-hand-hoe";
/// A product of which there are three.
pub const SCARCE: &str = "moon-jar-master";

/// A customer of a shop.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Who it is.
    pub id: String,
    /// The catalogue at the gateway.
    pub catalog: CatalogServiceClient<Channel>,
    /// Orders at the gateway.
    pub orders: OrdersServiceClient<Channel>,
    /// Notifications at the gateway.
    pub notifications: NotificationsServiceClient<Channel>,
}

impl Customer {
    /// A new customer.
    pub fn new(shop: &Shop, name: &str) -> Self {
        Self::by_id(shop, ids::customer(name))
    }

    /// The same customer by a connection of its own.
    #[must_use]
    pub fn again(&self, shop: &Shop) -> Self {
        Self::by_id(shop, self.id.clone())
    }

    fn by_id(shop: &Shop, id: String) -> Self {
        let gateway = shop.channel(Service::Gateway);
        Self {
            id,
            catalog: CatalogServiceClient::new(gateway.clone()),
            orders: OrdersServiceClient::new(gateway.clone()),
            notifications: NotificationsServiceClient::new(gateway),
        }
    }

    /// A request for some pieces of a product, with a card that works.
    pub fn wants(&self, product_id: &str, quantity: i64) -> PlaceOrderRequest {
        PlaceOrderRequest {
            request_id: ids::uuid(),
            customer_id: self.id.clone(),
            lines: vec![ProductQuantity { product_id: product_id.to_owned(), quantity }],
            address: Some(address()),
            card_token: "tok_visa".to_owned(),
        }
    }

    /// Asks once; the answer comes after 80 % of `limit` at the latest.
    ///
    /// # Errors
    /// The refusal.
    pub async fn place(&self, limit: Duration, request: PlaceOrderRequest) -> Result<Order, Status> {
        let answer = self.orders.clone().place_order(within(limit, request)).await?;
        answer.into_inner().order.ok_or_else(no_order)
    }

    /// Asks until the order is final or stuck, as a client does whose calls may get lost.
    ///
    /// # Errors
    /// The refusal, or that it is not final in time.
    pub async fn complete(&self, request: PlaceOrderRequest) -> Result<Order> {
        let what = format!("the order of {} to be final", request.request_id);
        wait::until(&what, PATIENCE, async || match self.place(CALL, request.clone()).await {
            Ok(order) if is_at_end(order.state()) => Ok(Some(order)),
            Ok(_) => Ok(None),
            Err(status) if is_lost(&status) => Ok(None),
            Err(status) => Err(status.into()),
        })
        .await
    }

    /// Reads an order.
    ///
    /// # Errors
    /// The refusal.
    pub async fn order(&self, order_id: &str) -> Result<Order, Status> {
        let request = GetOrderRequest { order_id: order_id.to_owned() };
        self.orders.clone().get_order(within(CALL, request)).await?.into_inner().order.ok_or_else(no_order)
    }

    /// Waits until an order is final or stuck.
    ///
    /// # Errors
    /// The refusal, or that it is not final in time.
    pub async fn end_of(&self, order_id: &str) -> Result<Order> {
        wait::until(&format!("order {order_id} to be final"), PATIENCE, async || {
            match self.order(order_id).await {
                Ok(order) => Ok(Some(order).filter(|order| is_at_end(order.state()))),
                Err(status) if is_lost(&status) => Ok(None),
                Err(status) => Err(status.into()),
            }
        })
        .await
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// The refusal.
    pub async fn cancel(&self, limit: Duration, order_id: &str) -> Result<Order, Status> {
        let request = CancelOrderRequest { request_id: ids::uuid(), order_id: order_id.to_owned() };
        self.orders
            .clone()
            .cancel_order(within(limit, request))
            .await?
            .into_inner()
            .order
            .ok_or_else(no_order)
    }
}

/// Where everything is sent.
pub fn address() -> Address {
    Address {
        region_code: "KR".to_owned(),
        postal_code: "04524".to_owned(),
        recipient: "Test Customer".to_owned(),
        address_lines: vec!["1 Courtyard Road".to_owned()],
    }
}

/// Whether nothing more happens to an order by itself.
pub(crate) fn is_at_end(state: OrderState) -> bool {
    matches!(state, OrderState::Confirmed | OrderState::Rejected | OrderState::Cancelled | OrderState::Stuck)
}

/// Whether a call may have been done though there is no answer, so that a client asks again.
pub fn is_lost(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::ResourceExhausted
    )
}

fn no_order() -> Status {
    Status::internal("the answer has no order")
}
