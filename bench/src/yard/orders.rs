//! Takes orders: two transactions of its own, and one at each of the others between them.

use std::path::PathBuf;

use anyhow::Result;
use madang_api::inventory::v1::ReserveStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::orders_service_server::OrdersService;
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, Order, OrderState, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest,
    WatchOrderResponse,
};
use madang_api::payments::v1::AuthorizePaymentRequest;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::shipping::v1::ArrangeShipmentRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::types::v1::Money;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::channel;
use super::gateway::Streamed;
use super::store::{Store, now};

mod rows;

pub(crate) use rows::id;

/// What a piece costs, and its parcel; what it weighs. There is nobody to ask.
pub(crate) const PRICE: i64 = 28_000;
const PARCEL: i64 = 3_000;
pub(crate) const WEIGHT: i64 = 500;

/// Where the others are.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database, a file
    #[arg(long)]
    data: PathBuf,
    /// The skeleton's inventory
    #[arg(long)]
    inventory: String,
    /// The skeleton's payments
    #[arg(long)]
    payments: String,
    /// The skeleton's shipping
    #[arg(long)]
    shipping: String,
}

#[derive(Debug)]
pub(crate) struct Orders {
    store: Store,
    owner: Uuid,
    inventory: InventoryServiceClient<Channel>,
    payments: PaymentsServiceClient<Channel>,
    shipping: ShippingServiceClient<Channel>,
}

impl Orders {
    pub(crate) fn new(args: &Args) -> Result<Self> {
        Ok(Self {
            store: Store::open(&args.data, rows::SCHEMA)?,
            owner: rows::new_id(),
            inventory: InventoryServiceClient::new(channel(args.inventory.clone())?),
            payments: PaymentsServiceClient::new(channel(args.payments.clone())?),
            shipping: ShippingServiceClient::new(channel(args.shipping.clone())?),
        })
    }

    /// The three steps of others, one after the other.
    async fn drive(&self, placed: &PlaceOrderRequest, order: &Order) -> Result<(), Status> {
        let order_id = order.order_id.clone();
        let reserve = ReserveStockRequest {
            order_id: order_id.clone(),
            lines: placed.lines.clone(),
            expire_time: None,
        };
        self.inventory.clone().reserve_stock(reserve).await?;
        let authorize = AuthorizePaymentRequest {
            order_id: order_id.clone(),
            amount: order.total.clone(),
            card_token: placed.card_token.clone(),
            customer_id: order.customer_id.clone(),
        };
        self.payments.clone().authorize_payment(authorize).await?;
        let arrange = ArrangeShipmentRequest {
            order_id,
            address: order.address.clone(),
            weight_grams: WEIGHT,
            customer_id: order.customer_id.clone(),
        };
        self.shipping.clone().arrange_shipment(arrange).await.map(drop)
    }
}

fn priced(placed: &PlaceOrderRequest, at: i64) -> Order {
    let money = |minor_units| Money { minor_units, currency_code: "KRW".to_owned() };
    Order {
        order_id: rows::new_id().to_string(),
        customer_id: placed.customer_id.clone(),
        state: OrderState::Pending.into(),
        reason: String::new(),
        lines: placed.lines.iter().map(|line| rows::line(&line.product_id, line.quantity)).collect(),
        shipping_price: Some(money(PARCEL)),
        total: Some(money(PRICE + PARCEL)),
        address: placed.address.clone(),
        create_time: Some(rows::time(at)),
        update_time: Some(rows::time(at)),
    }
}

#[tonic::async_trait]
impl OrdersService for Orders {
    type WatchOrderStream = Streamed<WatchOrderResponse>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let (placed, at) = (request.into_inner(), now());
        let mut order = priced(&placed, at);
        let (new, asked, owner) = (order.clone(), placed.clone(), self.owner);
        self.store.write(move |conn| rows::insert(conn, (&new, &asked), (owner, at))).await?;
        self.drive(&placed, &order).await?;
        let (order_id, at) = (order.order_id.clone(), now());
        self.store.write(move |conn| rows::confirm(conn, &order_id, at)).await?;
        order.set_state(OrderState::Confirmed);
        order.update_time = Some(rows::time(at));
        Ok(Response::new(PlaceOrderResponse { order: Some(order) }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let GetOrderRequest { order_id } = request.into_inner();
        let order = self.store.read(move |conn| rows::get(conn, &order_id)).await?;
        Ok(Response::new(GetOrderResponse { order: Some(order) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let request = request.into_inner();
        let limit = usize::try_from(request.page_size).unwrap_or_default();
        let orders = self.store.read(move |conn| rows::list(conn, &request)).await?;
        let last = orders.last().filter(|_| orders.len() == limit);
        let next_page_token = last.map(|order| order.order_id.clone()).unwrap_or_default();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token }))
    }

    async fn cancel_order(
        &self,
        _: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn watch_order(
        &self,
        _: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}
