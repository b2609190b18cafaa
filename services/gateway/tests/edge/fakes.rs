//! Services that answer by what they are asked for.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use madang_api::catalog::v1::catalog_service_server::CatalogService;
use madang_api::catalog::v1::*;
use madang_api::error::{retry_later, status, status_about};
use madang_api::inventory::v1::inventory_service_server::InventoryService;
use madang_api::inventory::v1::*;
use madang_api::notifications::v1::notifications_service_server::NotificationsService;
use madang_api::notifications::v1::*;
use madang_api::orders::v1::orders_service_server::OrdersService;
use madang_api::orders::v1::*;
use madang_api::page::List;
use madang_api::{Violations, convert};
use madang_types::{CustomerId, OrderId, RequestId};
use tonic::{Code, Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;
type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// An order of which the watch never says more than its first state.
pub(crate) const WAITING: &str = "0198c0de-0000-7000-8000-00000000aaaa";
/// An order whose watch breaks.
pub(crate) const BREAKING: &str = "0198c0de-0000-7000-8000-00000000bbbb";
/// An order that there is not.
pub(crate) const NO_ORDER: &str = "0198c0de-0000-7000-8000-00000000cccc";

pub(crate) struct Catalog;

fn product(product_id: &str) -> Product {
    let name = LocalizedText { en: "Tea cup".into(), ko: "찻잔".into() };
    Product { product_id: product_id.into(), name: Some(name), ..Product::default() }
}

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn get_product(&self, request: Request<GetProductRequest>) -> Answer<GetProductResponse> {
        let mut product = product(&request.get_ref().product_id);
        match request.get_ref().product_id.as_str() {
            "missing-one" => {
                let facts = [("product_ids", "missing-one".to_owned())];
                Err(status_about(Code::NotFound, "PRODUCT_NOT_FOUND", "there is no such product", facts))
            }
            "broken-one" => Err(status(Code::Internal, "INTERNAL", "row 7 is bad")),
            "panicking-one" => panic!("row 8 is bad"),
            "slow-one" => std::future::pending().await,
            "echo-headers" => {
                product.tags = request
                    .metadata()
                    .clone()
                    .into_headers()
                    .iter()
                    .map(|header| format!("{header:?}"))
                    .collect();
                Ok(Response::new(GetProductResponse { product: Some(product) }))
            }
            _ => Ok(Response::new(GetProductResponse { product: Some(product) })),
        }
    }

    async fn batch_get_products(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Answer<BatchGetProductsResponse> {
        let products = request.get_ref().product_ids.iter().map(|id| product(id)).collect();
        Ok(Response::new(BatchGetProductsResponse { products }))
    }

    async fn list_products(&self, request: Request<ListProductsRequest>) -> Answer<ListProductsResponse> {
        let list = List::new("ListProducts", &[]);
        let page = list.page(request.get_ref().page_size, &request.get_ref().page_token)?;
        let first = if page.after.is_some() { "second-page" } else { "first-page" };
        let next_page_token = if page.after.is_some() { String::new() } else { list.token(b"first-page") };
        Ok(Response::new(ListProductsResponse { products: vec![product(first)], next_page_token }))
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Answer<SearchProductsResponse> {
        let SearchProductsRequest { query, page_size, page_token } = request.into_inner();
        List::new("SearchProducts", &[&query]).page(page_size, &page_token)?;
        let found = Product { tags: vec![query], ..product("found-one") };
        Ok(Response::new(SearchProductsResponse { products: vec![found], next_page_token: String::new() }))
    }

    async fn upsert_product(&self, _: Request<UpsertProductRequest>) -> Answer<UpsertProductResponse> {
        Ok(Response::new(UpsertProductResponse::default()))
    }
}

pub(crate) struct Inventory;

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn get_stock(&self, request: Request<GetStockRequest>) -> Answer<GetStockResponse> {
        let product_id = request.into_inner().product_id;
        match product_id.as_str() {
            "never-stocked" => Err(status(Code::NotFound, "PRODUCT_NOT_FOUND", "never stocked")),
            "slow-stock" => std::future::pending().await,
            _ => {
                let stock = Stock { product_id, available: 7, ..Stock::default() };
                Ok(Response::new(GetStockResponse { stock: Some(stock) }))
            }
        }
    }

    async fn batch_get_stock(&self, _: Request<BatchGetStockRequest>) -> Answer<BatchGetStockResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn restock(&self, _: Request<RestockRequest>) -> Answer<RestockResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn reserve_stock(&self, _: Request<ReserveStockRequest>) -> Answer<ReserveStockResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn release_stock(&self, _: Request<ReleaseStockRequest>) -> Answer<ReleaseStockResponse> {
        Ok(Response::new(Default::default()))
    }
}

pub(crate) struct Orders;

fn order(order_id: &str, state: OrderState) -> Order {
    Order { order_id: order_id.into(), state: state.into(), ..Order::default() }
}

#[tonic::async_trait]
impl OrdersService for Orders {
    /// The order's id is the request's.
    async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Answer<PlaceOrderResponse> {
        let request = request.into_inner();
        let mut violations = Violations::default();
        let id = violations.parse::<RequestId>("request_id", &request.request_id);
        let customer = violations.parse::<CustomerId>("customer_id", &request.customer_id);
        let lines = convert::lines(&mut violations, "lines", &request.lines);
        let (id, customer, _) = violations.all((id, customer, lines))?;
        match request.card_token.as_str() {
            "tok_overload" => Err(retry_later("OVERLOADED", "come again", Duration::from_millis(1200))),
            "tok_reused" => Err(status(Code::AlreadyExists, "REQUEST_ID_REUSED", "other content")),
            "tok_region" => Err(status(Code::FailedPrecondition, "REGION_NOT_SERVED", "not there")),
            _ => {
                let mut order = order(&id.to_string(), OrderState::Confirmed);
                order.customer_id = customer.to_string();
                Ok(Response::new(PlaceOrderResponse { order: Some(order) }))
            }
        }
    }

    async fn get_order(&self, request: Request<GetOrderRequest>) -> Answer<GetOrderResponse> {
        let mut violations = Violations::default();
        let id = violations.parse::<OrderId>("order_id", &request.get_ref().order_id);
        let (id,) = violations.all((id,))?;
        if id.to_string() == NO_ORDER {
            return Err(status(Code::NotFound, "ORDER_NOT_FOUND", "there is no such order"));
        }
        let order = order(&id.to_string(), OrderState::Confirmed);
        Ok(Response::new(GetOrderResponse { order: Some(order) }))
    }

    async fn list_orders(&self, request: Request<ListOrdersRequest>) -> Answer<ListOrdersResponse> {
        let ListOrdersRequest { customer_id, page_size, page_token } = request.into_inner();
        let mut violations = Violations::default();
        let customer = violations.parse::<CustomerId>("customer_id", &customer_id);
        violations.all((customer,))?;
        let page = List::new("ListOrders", &[&customer_id]).page(page_size, &page_token)?;
        let orders = (0..page.size).map(|_| order(WAITING, OrderState::Pending)).collect();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token: String::new() }))
    }

    async fn cancel_order(&self, request: Request<CancelOrderRequest>) -> Answer<CancelOrderResponse> {
        let mut violations = Violations::default();
        let id = violations.parse::<RequestId>("request_id", &request.get_ref().request_id);
        violations.all((id,))?;
        let mut order = order(&request.get_ref().order_id, OrderState::Cancelled);
        order.reason.clone_from(&request.get_ref().request_id);
        Ok(Response::new(CancelOrderResponse { order: Some(order) }))
    }

    type WatchOrderStream = Streamed<WatchOrderResponse>;

    async fn watch_order(&self, request: Request<WatchOrderRequest>) -> Answer<Self::WatchOrderStream> {
        let id = request.into_inner().order_id;
        let state = |state| Ok(WatchOrderResponse { order: Some(order(&id, state)) });
        let first = stream::iter([state(OrderState::Pending)]);
        Ok(Response::new(match id.as_str() {
            WAITING => first.chain(stream::pending()).boxed(),
            BREAKING => first.chain(stream::iter([Err(Status::internal("row 9 is bad"))])).boxed(),
            NO_ORDER => return Err(status(Code::NotFound, "ORDER_NOT_FOUND", "there is no such order")),
            _ => first.chain(stream::iter([state(OrderState::Confirmed)])).boxed(),
        }))
    }
}

pub(crate) struct Notifications;

#[tonic::async_trait]
impl NotificationsService for Notifications {
    async fn list_notifications(
        &self,
        request: Request<ListNotificationsRequest>,
    ) -> Answer<ListNotificationsResponse> {
        let customer_id = request.into_inner().customer_id;
        let mut violations = Violations::default();
        let customer = violations.parse::<CustomerId>("customer_id", &customer_id);
        violations.all((customer,))?;
        let kind = NotificationKind::OrderConfirmed.into();
        let told = Notification { customer_id, kind, ..Notification::default() };
        Ok(Response::new(ListNotificationsResponse {
            notifications: vec![told],
            next_page_token: String::new(),
        }))
    }

    type WatchNotificationsStream = Streamed<WatchNotificationsResponse>;

    async fn watch_notifications(
        &self,
        _: Request<WatchNotificationsRequest>,
    ) -> Answer<Self::WatchNotificationsStream> {
        Ok(Response::new(stream::empty().boxed()))
    }
}
