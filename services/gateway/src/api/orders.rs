use axum::extract::{Request, State};
use http::Uri;
use madang_api::orders::v1::{CancelOrderRequest, GetOrderRequest, ListOrdersRequest, PlaceOrderRequest};

use super::request::{Caller, Id, Params, body, optional_body};
use super::{Answer, Api, tell};

/// Places an order.
pub(super) async fn place(State(mut api): State<Api>, caller: Caller, request: Request) -> Answer {
    let mut params = Params::read(request.uri(), &[]);
    let headers = request.headers().clone();
    let mut order: PlaceOrderRequest = body(request).await?;
    params.take_key(&headers, &mut order.request_id);
    params.check()?;
    tell(api.orders.place_order(caller.ask(order)).await?.get_ref())
}

/// An order as it is now.
pub(super) async fn show(State(mut api): State<Api>, caller: Caller, Id(order_id): Id) -> Answer {
    tell(api.orders.get_order(caller.ask(GetOrderRequest { order_id })).await?.get_ref())
}

/// A page of a customer's orders.
pub(super) async fn list(State(mut api): State<Api>, caller: Caller, uri: Uri) -> Answer {
    let mut params = Params::read(&uri, &["customer_id", "page_size", "page_token"]);
    let request = ListOrdersRequest {
        customer_id: params.text("customer_id"),
        page_size: params.page_size(),
        page_token: params.text("page_token"),
    };
    params.check()?;
    tell(api.orders.list_orders(caller.ask(request)).await?.get_ref())
}

/// Cancels an order.
pub(super) async fn cancel(
    State(mut api): State<Api>,
    caller: Caller,
    Id(order_id): Id,
    request: Request,
) -> Answer {
    let mut params = Params::read(request.uri(), &[]);
    let headers = request.headers().clone();
    let mut cancel: CancelOrderRequest = optional_body(request).await?;
    params.take_key(&headers, &mut cancel.request_id);
    if !cancel.order_id.is_empty() && !cancel.order_id.eq_ignore_ascii_case(&order_id) {
        params.note("order_id", "is not the order of the path");
    }
    params.check()?;
    cancel.order_id = order_id;
    tell(api.orders.cancel_order(caller.ask(cancel)).await?.get_ref())
}
