//! Those who read, and those who keep the shop.

use anyhow::{Context, Result, ensure};
use madang_api::catalog::v1::{
    BatchGetProductsRequest, GetProductRequest, ListProductsRequest, Product, SearchProductsRequest,
    UpsertProductRequest,
};
use madang_api::inventory::v1::RestockRequest;
use madang_api::notifications::v1::WatchNotificationsRequest;
use madang_api::orders::v1::WatchOrderRequest;
use madang_api::within;
use madang_tests::customer::PLENTY;
use madang_tests::wait;
use madang_tests::{ids, web};

use super::{CALL, Cast};

/// A product that nobody orders: what is there of it, operators have brought.
pub(crate) const RESTOCKED: &str = "homi-long-handle";

impl Cast {
    /// Uses every RPC of the edge that only reads, and the page of a product.
    pub(super) async fn read(&self) -> Result<()> {
        let catalog = &self.customer.catalog;
        let batch = BatchGetProductsRequest { product_ids: vec![PLENTY.to_owned()] };
        let batch = async || catalog.clone().batch_get_products(within(CALL, batch.clone())).await;
        self.answered("some products", batch).await??;
        let list = ListProductsRequest { page_size: 3, ..ListProductsRequest::default() };
        let list = async || catalog.clone().list_products(within(CALL, list.clone())).await;
        self.answered("the products", list).await??;
        let search = SearchProductsRequest { query: "hoe".to_owned(), ..SearchProductsRequest::default() };
        let search = async || catalog.clone().search_products(within(CALL, search.clone())).await;
        self.answered("a search", search).await??;
        let page = format!("{}/api/products/{PLENTY}", self.gateway);
        let page = async || Ok(web::get(&page).await.ok().filter(|page| page.status.is_success()));
        wait::until("the page of a product", self.patience, page).await?;
        self.watch().await
    }

    /// Lists the orders, and watches one and what is told.
    async fn watch(&self) -> Result<()> {
        let (orders, told) = (&self.customer.orders, &self.customer.notifications);
        let newest =
            async || Ok(self.answered("the orders", async || self.customer.list().await).await??.pop());
        let order_id = wait::until("an order to be listed", self.patience, newest).await?.order_id;
        self.answered("an order", async || self.customer.order(&order_id).await).await??;
        let watch = WatchOrderRequest { order_id };
        let watch = async || {
            orders.clone().watch_order(within(CALL, watch.clone())).await?.into_inner().message().await
        };
        self.answered("the watch of an order", watch).await??;
        let watch = WatchNotificationsRequest { customer_id: self.customer.id.clone() };
        // Only that it begins: it has nothing to say until something is told.
        let watch = async || told.clone().watch_notifications(within(CALL, watch.clone())).await;
        self.answered("the watch of what is told", watch).await??;
        Ok(())
    }

    /// Writes a product again as it is, and brings one piece of it.
    pub(super) async fn operate(&self) -> Result<()> {
        let product = self.product(RESTOCKED).await?;
        let upsert = UpsertProductRequest { request_id: ids::uuid(), product: Some(product.clone()) };
        let upsert = async || self.catalog.clone().upsert_product(within(CALL, upsert.clone())).await;
        let written = self.answered("a product to be written", upsert).await??.into_inner().product;
        let written = written.context("no product")?;
        ensure!(written.price == product.price && written.name == product.name, "{written:?}");

        let product_id = RESTOCKED.to_owned();
        let restock = RestockRequest { request_id: ids::uuid(), product_id, quantity: 1 };
        let restock = async || self.inventory.clone().restock(within(CALL, restock.clone())).await;
        self.answered("a piece to be brought", restock).await??;
        Ok(())
    }

    async fn product(&self, id: &str) -> Result<Product> {
        let get = GetProductRequest { product_id: id.to_owned() };
        let get = async || self.customer.catalog.clone().get_product(within(CALL, get.clone())).await;
        self.answered("a product", get).await??.into_inner().product.context("no product")
    }
}
