//! Takes orders as the shop's gateway does, and hands each to Restate. It knows none: it reads them where Restate keeps them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use madang_api::catalog::v1::catalog_service_server::{CatalogService, CatalogServiceServer};
use madang_api::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, GetProductRequest, GetProductResponse,
    ListProductsRequest, ListProductsResponse, LocalizedText, Product, SearchProductsRequest,
    SearchProductsResponse, UpsertProductRequest, UpsertProductResponse,
};
use madang_api::orders::v1::orders_service_server::{OrdersService, OrdersServiceServer};
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest, WatchOrderResponse,
};
use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::transport::Server as Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::order::{ORDER, Order};
use crate::server::Server;

#[derive(Debug, Clone)]
pub(crate) struct Front {
    service: &'static str,
    server: Arc<Server>,
    answered: Arc<AtomicU64>,
}

/// Serves until it fails.
pub(crate) async fn serve(front: Front, listener: TcpListener) -> Result<()> {
    let router = Grpc::builder()
        .add_service(OrdersServiceServer::new(front.clone()))
        .add_service(CatalogServiceServer::new(front));
    Ok(router.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))).await?)
}

impl Front {
    /// One that hands orders to this service.
    pub(crate) fn new(service: &'static str, server: Arc<Server>) -> Self {
        Self { service, server, answered: Arc::default() }
    }

    /// Orders whose end was answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Orders as Restate has them.
    async fn read(&self, which: &str) -> Result<Vec<Order>, Status> {
        let sql = format!(
            "SELECT value_utf8 FROM state WHERE service_name = '{}' AND key = '{ORDER}' AND {which}",
            self.service
        );
        let rows = self.server.query(&sql).await.map_err(failed)?;
        let texts = rows.iter().map(|row| row["value_utf8"].as_str().unwrap_or_default());
        texts.map(|text| serde_json::from_str(text).map_err(|error| failed(error.into()))).collect()
    }
}

/// Of the whole chain of an error.
fn failed(error: anyhow::Error) -> Status {
    Status::unavailable(format!("{error:#}"))
}

fn unsupported<T>() -> Result<T, Status> {
    Err(Status::unimplemented("a yardstick"))
}

/// Microseconds since 1970.
fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a yardstick has no Clock port")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or_default()
}

/// What an SQL text may hold of a request; all ids are of this.
fn plain(id: &str) -> Result<&str, Status> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then_some(id).ok_or_else(|| Status::invalid_argument("no id"))
}

#[tonic::async_trait]
impl OrdersService for Front {
    type WatchOrderStream = BoxStream<WatchOrderResponse>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let order = Order::placed(request.into_inner(), now());
        let placed = self.server.place(self.service, plain(&order.order_id)?, &order).await;
        let order = placed.map_err(failed)?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(PlaceOrderResponse { order: Some(order.told()) }))
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let GetOrderRequest { order_id } = request.into_inner();
        let mut orders = self.read(&format!("service_key = '{}'", plain(&order_id)?)).await?;
        let order = orders.pop().ok_or_else(|| Status::not_found("no such order"))?;
        Ok(Response::new(GetOrderResponse { order: Some(order.told()) }))
    }

    /// All of them, on one page.
    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let ListOrdersRequest { customer_id, .. } = request.into_inner();
        let theirs = format!("value_utf8 LIKE '%\"customer_id\":\"{}\"%'", plain(&customer_id)?);
        let orders = self.read(&theirs).await?.into_iter().map(Order::told).collect();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token: String::new() }))
    }

    async fn cancel_order(
        &self,
        _: Request<CancelOrderRequest>,
    ) -> Result<Response<CancelOrderResponse>, Status> {
        unsupported()
    }

    async fn watch_order(
        &self,
        _: Request<WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        unsupported()
    }
}

/// A load reads what there is to order before it begins, and no more.
#[tonic::async_trait]
impl CatalogService for Front {
    async fn list_products(
        &self,
        _: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let name = LocalizedText { en: "Homi hand hoe".to_owned(), ko: "호미".to_owned() };
        let product_id = "homi-hand-hoe".to_owned();
        let product = Product { product_id, name: Some(name), ..Product::default() };
        Ok(Response::new(ListProductsResponse { products: vec![product], next_page_token: String::new() }))
    }

    async fn get_product(
        &self,
        _: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        unsupported()
    }

    async fn batch_get_products(
        &self,
        _: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        unsupported()
    }

    async fn search_products(
        &self,
        _: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        unsupported()
    }

    async fn upsert_product(
        &self,
        _: Request<UpsertProductRequest>,
    ) -> Result<Response<UpsertProductResponse>, Status> {
        unsupported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_text_in_sql_is_no_id() {
        assert!(plain("load-0af7-31").is_ok());
        for bad in ["a'b", "a%", "a\"b", "a/b"] {
            assert!(plain(bad).is_err(), "{bad}");
        }
    }
}
