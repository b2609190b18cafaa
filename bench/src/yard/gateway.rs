//! Hands calls on to orders.

use std::pin::Pin;

use anyhow::Result;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::orders_service_server::OrdersService;
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, PlaceOrderRequest, PlaceOrderResponse, WatchOrderRequest, WatchOrderResponse,
};
use tokio_stream::Stream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::channel;

#[derive(Debug, Clone)]
pub(crate) struct Gateway(OrdersServiceClient<Channel>);

/// What no yardstick streams.
pub(crate) type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Gateway {
    pub(crate) fn new(orders: String) -> Result<Self> {
        Ok(Self(OrdersServiceClient::new(channel(orders)?)))
    }
}

#[tonic::async_trait]
impl OrdersService for Gateway {
    type WatchOrderStream = Streamed<WatchOrderResponse>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        self.0.clone().place_order(request.into_inner()).await
    }

    async fn get_order(
        &self,
        request: Request<GetOrderRequest>,
    ) -> Result<Response<GetOrderResponse>, Status> {
        self.0.clone().get_order(request.into_inner()).await
    }

    async fn list_orders(
        &self,
        request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        self.0.clone().list_orders(request.into_inner()).await
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
