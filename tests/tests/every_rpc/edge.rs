//! Calls of what passes the gateway.

use madang_api::catalog::v1::{
    BatchGetProductsRequest, GetProductRequest, ListProductsRequest, SearchProductsRequest,
    UpsertProductRequest,
};
use madang_api::error;
use madang_api::notifications::v1::WatchNotificationsRequest;
use madang_api::orders::v1::{OrderState, WatchOrderRequest};
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::ids;
use tokio::time::timeout;
use tonic::Code;

use crate::World;

pub(crate) async fn call_gateway(world: &World) {
    let mut customer = Customer::new(&world.shop, "outside");
    call_catalog(&mut customer).await;
    let watch = WatchNotificationsRequest { customer_id: customer.id.clone() };
    let mut news = customer.notifications.watch_notifications(watch).await.unwrap().into_inner();
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert!(timeout(CALL, news.message()).await.unwrap().unwrap().is_some());
    assert_eq!(customer.told().await.unwrap().len(), 1);
    assert_eq!(customer.order(&order.order_id).await.unwrap().state(), OrderState::Confirmed);
    assert_eq!(customer.list().await.unwrap()[0].order_id, order.order_id);
    let cancelled = customer.cancel(CALL, &order.order_id).await.unwrap();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    let watch = WatchOrderRequest { order_id: order.order_id };
    let mut states = customer.orders.watch_order(watch).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().order.unwrap().state(), OrderState::Cancelled);
    assert_eq!(states.message().await.unwrap(), None);
}

async fn call_catalog(customer: &mut Customer) {
    let catalog = &mut customer.catalog;
    let product_id = PLENTY.to_owned();
    let got = catalog.get_product(GetProductRequest { product_id: product_id.clone() }).await.unwrap();
    let product = got.into_inner().product;
    catalog.batch_get_products(BatchGetProductsRequest { product_ids: vec![product_id] }).await.unwrap();
    catalog.list_products(ListProductsRequest::default()).await.unwrap();
    let search = SearchProductsRequest { query: "tea".to_owned(), ..SearchProductsRequest::default() };
    assert!(!catalog.search_products(search).await.unwrap().into_inner().products.is_empty());
    let upsert = UpsertProductRequest { request_id: ids::uuid(), product };
    let refusal = catalog.upsert_product(upsert).await.unwrap_err();
    assert_eq!(refusal.code(), Code::PermissionDenied);
    assert_eq!(error::reason(&refusal).as_deref(), Some("NOT_AT_THE_EDGE"));
}
