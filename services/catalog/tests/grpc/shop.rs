//! The service as the tests call it, and what they ask of its answers.

use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{
    BatchGetProductsRequest, GetProductRequest, ListProductsRequest, LocalizedText, Product,
    SearchProductsRequest, UpsertProductRequest,
};
use madang_api::error;
use madang_api::types::v1::Money;
use madang_catalog::{Config, SERVICE};
use madang_chassis::{Client, Network, Platform, config};
use madang_db::testing::Fresh;
use tonic::{Code, Status};

/// The service in memory, with its shipped products.
pub(crate) struct Shop {
    pub(crate) catalog: CatalogServiceClient<Client>,
    platform: Platform,
    _data: Fresh,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let data = Fresh::new();
        let network = Network::new();
        let mut platform = Platform::test(SERVICE);
        platform.connector = network.connector();
        let args = ["catalog", "--database", &data.url()];
        let config: Config = config::try_parse_from(&SERVICE, args).unwrap();
        let (listener, running) = (network.listen("catalog"), platform.clone());
        platform.tasks.spawn("catalog", async move {
            madang_catalog::run(config, listener, running).await.unwrap();
        });
        let client = Client::new("http://catalog".parse().unwrap(), &platform);
        Self { catalog: CatalogServiceClient::new(client), platform, _data: data }
    }

    pub(crate) async fn get(&mut self, id: &str) -> Result<Product, Status> {
        let request = GetProductRequest { product_id: id.into() };
        Ok(self.catalog.get_product(request).await?.into_inner().product.unwrap())
    }

    pub(crate) async fn batch(&mut self, ids: &[&str]) -> Result<Vec<Product>, Status> {
        let product_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = BatchGetProductsRequest { product_ids };
        Ok(self.catalog.batch_get_products(request).await?.into_inner().products)
    }

    pub(crate) async fn list(
        &mut self,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<String>, String), Status> {
        let request = ListProductsRequest { page_size, page_token: page_token.into() };
        let page = self.catalog.list_products(request).await?.into_inner();
        Ok((ids(page.products), page.next_page_token))
    }

    pub(crate) async fn search(
        &mut self,
        query: &str,
        size: i32,
        token: &str,
    ) -> Result<(Vec<String>, String), Status> {
        let request =
            SearchProductsRequest { query: query.into(), page_size: size, page_token: token.into() };
        let page = self.catalog.search_products(request).await?.into_inner();
        Ok((ids(page.products), page.next_page_token))
    }

    pub(crate) async fn upsert(&mut self, request: u8, product: Product) -> Result<Product, Status> {
        let request = UpsertProductRequest { request_id: request_id(request), product: Some(product) };
        Ok(self.catalog.upsert_product(request).await?.into_inner().product.unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.platform.shutdown.begin();
    }
}

pub(crate) fn request_id(n: u8) -> String {
    format!("0198c0de-0000-7000-8000-0000000000{n:02x}")
}

pub(crate) fn ids(products: Vec<Product>) -> Vec<String> {
    products.into_iter().map(|product| product.product_id).collect()
}

pub(crate) fn text(en: &str, ko: &str) -> Option<LocalizedText> {
    Some(LocalizedText { en: en.into(), ko: ko.into() })
}

/// A new product that is valid.
pub(crate) fn gong() -> Product {
    Product {
        product_id: "bronze-gong".into(),
        name: text("Bronze tamtam", "징"),
        description: text("Rings long.", "오래 울립니다."),
        category: "games".into(),
        tags: vec!["tamtam".into(), "타악기".into()],
        price: Some(Money { minor_units: 12_000, currency_code: "USD".into() }),
        weight_grams: 4_200,
        update_time: None,
    }
}

#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = result.unwrap_err();
    assert_eq!((status.code(), error::reason(&status).as_deref()), (code, Some(reason)), "{status:?}");
    status
}

/// The fields of an INVALID_REQUEST.
#[track_caller]
pub(crate) fn invalid<T: std::fmt::Debug>(result: Result<T, Status>) -> Vec<String> {
    let status = refused(result, Code::InvalidArgument, error::INVALID_REQUEST);
    error::violations(&status).into_iter().map(|violation| violation.field).collect()
}
