//! The saga where the participants are services with databases of their own, and each step is a `run` that asks one of them and
//! keeps the answer in the order's journal, as Restate's guide to sagas has it.

use madang_api::inventory::v1::ReserveStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::payments::v1::AuthorizePaymentRequest;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::shipping::v1::ArrangeShipmentRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use restate_sdk::prelude::*;
use tonic::transport::{Channel, Endpoint as Address, Error};

use crate::Participants;
use crate::order::{ORDER, Order, WEIGHT};

/// Takes orders; its key is an order's id.
#[derive(Debug)]
pub(crate) struct Checkout {
    inventory: InventoryServiceClient<Channel>,
    payments: PaymentsServiceClient<Channel>,
    shipping: ShippingServiceClient<Channel>,
}

#[object]
impl Checkout {
    #[handler]
    async fn place(&self, ctx: ObjectContext<'_>, order: Json<Order>) -> HandlerResult<Json<Order>> {
        if let Some(known) = ctx.get::<Json<Order>>(ORDER).await? {
            return Ok(known);
        }
        let order = order.into_inner();
        ctx.set(ORDER, Json(order.clone()));
        ctx.run(|| self.reserve(&order)).name("reserve stock").await?;
        ctx.run(|| self.authorize(&order)).name("authorize payment").await?;
        ctx.run(|| self.arrange(&order)).name("arrange shipment").await?;
        let order = order.confirmed();
        ctx.set(ORDER, Json(order.clone()));
        Ok(Json(order))
    }
}

impl Checkout {
    pub(crate) fn new(others: Participants) -> Result<Self, Error> {
        // Connected to when the first call comes.
        let channel =
            |url: String| Ok::<_, Error>(Address::from_shared(url)?.tcp_nodelay(true).connect_lazy());
        Ok(Self {
            inventory: InventoryServiceClient::new(channel(others.inventory)?),
            payments: PaymentsServiceClient::new(channel(others.payments)?),
            shipping: ShippingServiceClient::new(channel(others.shipping)?),
        })
    }

    async fn reserve(&self, order: &Order) -> HandlerResult<()> {
        let (order_id, lines) = (order.order_id.clone(), order.quantities());
        let request = ReserveStockRequest { order_id, lines, expire_time: None };
        self.inventory.clone().reserve_stock(request).await?;
        Ok(())
    }

    async fn authorize(&self, order: &Order) -> HandlerResult<()> {
        let request = AuthorizePaymentRequest {
            order_id: order.order_id.clone(),
            amount: order.money(order.total),
            card_token: order.card_token.clone().unwrap_or_default(),
            customer_id: order.customer_id.clone(),
        };
        self.payments.clone().authorize_payment(request).await?;
        Ok(())
    }

    async fn arrange(&self, order: &Order) -> HandlerResult<()> {
        let request = ArrangeShipmentRequest {
            order_id: order.order_id.clone(),
            address: Some(order.address.clone().told()),
            weight_grams: WEIGHT,
            customer_id: order.customer_id.clone(),
        };
        self.shipping.clone().arrange_shipment(request).await?;
        Ok(())
    }
}
