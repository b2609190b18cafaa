use axum::Json;
use axum::extract::State;
use http::Uri;
use madang_api::catalog::v1::{GetProductRequest, ListProductsRequest, SearchProductsRequest};
use madang_api::inventory::v1::GetStockRequest;
use madang_chassis::deadline;
use serde_json::{Value, json};
use tonic::Code;

use super::request::{Caller, Id, Params};
use super::{Answer, Api, tell, value};
use crate::problem::Problem;

/// A page of products; with `q`, of those found by its words.
pub(super) async fn list(State(mut api): State<Api>, caller: Caller, uri: Uri) -> Answer {
    let mut params = Params::read(&uri, &["q", "page_size", "page_token"]);
    let (query, page_token) = (params.text("q"), params.text("page_token"));
    let page_size = params.page_size();
    params.check()?;
    if query.trim().is_empty() {
        let request = caller.ask(ListProductsRequest { page_size, page_token });
        return tell(api.catalog.list_products(request).await?.get_ref());
    }
    let request = caller.ask(SearchProductsRequest { query, page_size, page_token });
    tell(api.catalog.search_products(request).await?.get_ref())
}

/// A product with its stock. The page does not need inventory: without it the stock is unknown.
pub(super) async fn show(State(mut api): State<Api>, caller: Caller, Id(product_id): Id) -> Answer {
    let stock = stock(api.clone(), &caller, product_id.clone());
    let product = async {
        let answer = api.catalog.get_product(caller.ask(GetProductRequest { product_id })).await;
        answer.map_err(Problem::from)
    };
    let (product, stock) = tokio::try_join!(product, async { Ok(stock.await) })?;
    let Value::Object(mut page) = value(product.get_ref())? else { return Err(Problem::internal()) };
    page.insert("stock".to_owned(), stock);
    Ok(Json(Value::Object(page)))
}

async fn stock(mut api: Api, caller: &Caller, product_id: String) -> Value {
    let known = |available: i64| json!({ "state": "known", "available": available });
    let call = api.inventory.get_stock(caller.ask(GetStockRequest { product_id }));
    match deadline::within(api.stock_timeout, call).await.map(|answer| answer.into_inner().stock) {
        Ok(stock) => known(stock.map_or(0, |stock| stock.available)),
        // In the catalogue, but never stocked.
        Err(status) if status.code() == Code::NotFound => known(0),
        Err(status) => {
            tracing::debug!(rpc.code = ?status.code(), "the stock of a product is not known");
            json!({ "state": "unknown" })
        }
    }
}
