//! A catalogue that answers at once, and a hop before one.

use anyhow::Result;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::catalog_service_server::CatalogService;
use madang_api::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, GetProductRequest, GetProductResponse,
    ListProductsRequest, ListProductsResponse, LocalizedText, Product, SearchProductsRequest,
    SearchProductsResponse, UpsertProductRequest, UpsertProductResponse,
};
use madang_api::types::v1::Money;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::channel;
use super::orders::{PRICE, WEIGHT};
use crate::shop::PRODUCT;

/// Answers without asking anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo;

/// Asks another catalogue.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder(CatalogServiceClient<Channel>);

impl Forwarder {
    pub(crate) fn new(to: String) -> Result<Self> {
        Ok(Self(CatalogServiceClient::new(channel(to)?)))
    }
}

/// As big as the shop's own.
fn product() -> Product {
    Product {
        product_id: PRODUCT.to_owned(),
        name: Some(LocalizedText { en: "Homi hand hoe".to_owned(), ko: "호미".to_owned() }),
        description: Some(LocalizedText {
            en: "A forged garden hoe with an ash handle.".to_owned(),
            ko: "물푸레나무 자루를 단 벼린 호미.".to_owned(),
        }),
        category: "garden".to_owned(),
        tags: vec!["iron".to_owned(), "garden".to_owned()],
        price: Some(Money { minor_units: PRICE, currency_code: "KRW".to_owned() }),
        weight_grams: WEIGHT,
        update_time: None,
    }
}

#[tonic::async_trait]
impl CatalogService for Echo {
    async fn get_product(
        &self,
        _: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        Ok(Response::new(GetProductResponse { product: Some(product()) }))
    }

    async fn batch_get_products(
        &self,
        _: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        Ok(Response::new(BatchGetProductsResponse { products: vec![product()] }))
    }

    async fn list_products(
        &self,
        _: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let products = vec![product()];
        Ok(Response::new(ListProductsResponse { products, next_page_token: String::new() }))
    }

    async fn search_products(
        &self,
        _: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }

    async fn upsert_product(
        &self,
        _: Request<UpsertProductRequest>,
    ) -> Result<Response<UpsertProductResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}

#[tonic::async_trait]
impl CatalogService for Forwarder {
    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        self.0.clone().get_product(request.into_inner()).await
    }

    async fn batch_get_products(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        self.0.clone().batch_get_products(request.into_inner()).await
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        self.0.clone().list_products(request.into_inner()).await
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        self.0.clone().search_products(request.into_inner()).await
    }

    async fn upsert_product(
        &self,
        _: Request<UpsertProductRequest>,
    ) -> Result<Response<UpsertProductResponse>, Status> {
        Err(Status::unimplemented("a yardstick"))
    }
}
