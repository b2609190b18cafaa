//! CatalogService over the use cases.

mod convert;
mod status;

use madang_api::Violations;
use madang_api::catalog::v1::catalog_service_server::CatalogService;
use madang_api::catalog::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, GetProductRequest, GetProductResponse,
    ListProductsRequest, ListProductsResponse, SearchProductsRequest, SearchProductsResponse,
    UpsertProductRequest, UpsertProductResponse,
};
use madang_api::convert as shared;
use madang_api::page::List;
use tonic::{Request, Response, Status};

use crate::app::{App, Upsert};

/// The server side of `madang.catalog.v1.CatalogService`.
#[derive(Debug)]
pub struct Catalog(pub App);

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        let mut violations = Violations::default();
        let product = violations.parse("product_id", &request.into_inner().product_id);
        let (product,) = violations.all((product,))?;
        let entry = self.0.product(product)?;
        Ok(Response::new(GetProductResponse { product: Some((&*entry).into()) }))
    }

    async fn batch_get_products(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        let mut violations = Violations::default();
        let products = shared::product_ids(&mut violations, "product_ids", &request.into_inner().product_ids);
        let (products,) = violations.all((products,))?;
        let entries = self.0.products(products)?;
        Ok(Response::new(BatchGetProductsResponse { products: convert::products(&entries) }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let message = request.into_inner();
        let list = List::new("ListProducts", &[]);
        let page = list.page(message.page_size, &message.page_token)?;
        let after = page.after(convert::read_id)?;
        let entries = self.0.catalogue().list(after.as_ref(), page.size + 1);
        let (entries, next_page_token) =
            page.cut(&list, entries, |entry| entry.product.id.as_str().as_bytes().to_vec());
        Ok(Response::new(ListProductsResponse { products: convert::products(&entries), next_page_token }))
    }

    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let query = violations.parse("query", &message.query);
        let size = convert::page_size(&mut violations, message.page_size);
        let (query, size) = violations.all((query, size))?;
        let list = List::new("SearchProducts", &[&message.query]);
        let page = list.page(size, &message.page_token)?;
        let after = page.after(convert::read_position)?;
        let found = self.0.catalogue().search(&query, after.as_ref(), page.size + 1);
        let (found, next_page_token) =
            page.cut(&list, found, |found| convert::write_position(&found.position()));
        let entries: Vec<_> = found.into_iter().map(|found| found.entry).collect();
        Ok(Response::new(SearchProductsResponse { products: convert::products(&entries), next_page_token }))
    }

    async fn upsert_product(
        &self,
        request: Request<UpsertProductRequest>,
    ) -> Result<Response<UpsertProductResponse>, Status> {
        let message = request.into_inner();
        let mut violations = Violations::default();
        let request = violations.parse("request_id", &message.request_id);
        let product = convert::product(&mut violations, message.product);
        let (request, product) = violations.all((request, product))?;
        let entry = self.0.upsert(Upsert { request, product }).await?;
        Ok(Response::new(UpsertProductResponse { product: Some((&entry).into()) }))
    }
}
