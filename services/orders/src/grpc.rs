//! OrdersService over the use cases.

mod convert;
mod operator;
mod status;

use std::sync::Arc;

use madang_api::orders::v1::orders_service_server::OrdersService;
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest, WatchOrderResponse,
};
use madang_api::page::List;
use madang_api::{Violations, convert as shared};
use madang_chassis::{Shutdown, trace};
use madang_types::{CustomerId, OrderId};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::{App, Place};
use crate::domain::{CardToken, Order};
use crate::watch::Watch;

/// The server side of `madang.orders.v1.OrdersService`, and of the operator's service.
#[derive(Debug, Clone)]
pub struct Orders {
    /// The use cases.
    pub app: App,
    /// Ends the watches.
    pub shutdown: Shutdown,
    /// Runs the watches.
    pub tasks: madang_chassis::Tasks,
}

#[tonic::async_trait]
impl OrdersService for Orders {
    type WatchOrderStream = ReceiverStream<Result<WatchOrderResponse, Status>>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let order = self.app.place(place(request.into_inner())?).await?;
        Ok(Response::new(PlaceOrderResponse { order: Some((&*order).into()) }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let order = self.app.order(order_id(&request.into_inner().order_id)?).await?;
        Ok(Response::new(GetOrderResponse { order: Some((&order).into()) }))
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let message = request.into_inner();
        let customer = customer_id(&message.customer_id)?;
        let list = List::new("ListOrders", &[customer.as_str()]);
        let page = list.page(message.page_size, &message.page_token)?;
        let after = page.after(read_key)?;
        let rows = self.app.of_customer(customer, after, page.limit()).await?;
        let (rows, next_page_token) = page.cut(&list, rows, key);
        Ok(Response::new(ListOrdersResponse {
            orders: rows.iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let request = violations.parse("request_id", &message.request_id);
        let order = violations.parse("order_id", &message.order_id);
        let (request, order) = violations.all((request, order))?;
        trace::order(order);
        let order = self.app.cancel(request, order).await?;
        Ok(Response::new(CancelOrderResponse { order: Some((&*order).into()) }))
    }

    async fn watch_order(
        &self,
        request: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let (order, watch) = self.app.watch(order_id(&request.into_inner().order_id)?).await?;
        let (answers, stream) = mpsc::channel(1);
        let shutdown = self.shutdown.clone();
        self.tasks.spawn("watch-order", async move {
            tokio::select! {
                () = shutdown.begun() => {}
                () = answers.closed() => {}
                () = follow(order, watch, &answers) => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Sends each state until the final one.
async fn follow(
    mut order: Arc<Order>,
    mut watch: Watch,
    answers: &mpsc::Sender<Result<WatchOrderResponse, Status>>,
) {
    loop {
        let answer = WatchOrderResponse { order: Some((&*order).into()) };
        if answers.send(Ok(answer)).await.is_err() || order.state.is_final() {
            return;
        }
        order = watch.after(order.version).await;
    }
}

fn place(message: PlaceOrderRequest) -> Result<Place, Status> {
    let mut violations = Violations::default();
    let request = violations.parse("request_id", &message.request_id);
    let customer = violations.parse("customer_id", &message.customer_id);
    let cart = shared::lines(&mut violations, "lines", &message.lines);
    let address = shared::address(&mut violations, "address", message.address);
    let card = CardToken::new(message.card_token)
        .ok_or("must be 1 to 128 printable ASCII characters without blanks");
    let card = violations.check("card_token", card);
    let (request, customer, cart, address, card) =
        violations.all((request, customer, cart, address, card))?;
    Ok(Place { request, customer, cart, address, card })
}

fn order_id(text: &str) -> Result<OrderId, Status> {
    let mut violations = Violations::default();
    let order = violations.parse("order_id", text);
    let (order,) = violations.all((order,))?;
    trace::order(order);
    Ok(order)
}

/// Who the customer is: a field of the request, until accounts come. The only place that reads it.
fn customer_id(text: &str) -> Result<CustomerId, Status> {
    let mut violations = Violations::default();
    let customer = violations.parse("customer_id", text);
    violations.all((customer,)).map(|(customer,)| customer)
}

/// The key of an order in a page token.
fn key(order: &Order) -> Vec<u8> {
    order.id.uuid().as_bytes().to_vec()
}

fn read_key(bytes: &[u8]) -> Option<OrderId> {
    Uuid::from_slice(bytes).ok().map(OrderId::new)
}
