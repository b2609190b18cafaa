//! gRPC through the edge.

use futures::StreamExt;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{GetProductRequest, GetProductResponse};
use madang_api::error;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{OrderState, PlaceOrderRequest, WatchOrderRequest};
use prost::Message;
use tokio::time::Instant;
use tonic::{Code, Request};

use crate::fakes::WAITING;
use crate::orders::KEY;
use crate::shop::Shop;

const GET_PRODUCT: &str = "/madang.catalog.v1.CatalogService/GetProduct";

fn get(product_id: &str) -> Vec<u8> {
    GetProductRequest { product_id: product_id.into() }.encode_to_vec()
}

#[tokio::test(start_paused = true)]
async fn calls_pass_and_errors_keep_their_details() {
    let shop = Shop::open();
    let mut catalog = CatalogServiceClient::new(shop.channel());
    let asked = GetProductRequest { product_id: "tea-cup".into() };
    let product = catalog.get_product(asked).await.unwrap().into_inner().product.unwrap();
    assert_eq!(product.product_id, "tea-cup");
    let missing = GetProductRequest { product_id: "missing-one".into() };
    let status = catalog.get_product(missing).await.unwrap_err();
    assert_eq!(error::reason(&status).as_deref(), Some("PRODUCT_NOT_FOUND"));
    assert_eq!(error::facts(&status)["product_ids"], "missing-one");

    let mut orders = OrdersServiceClient::new(shop.channel());
    let status = orders.place_order(PlaceOrderRequest::default()).await.unwrap_err();
    let fields: Vec<_> = error::violations(&status).into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["request_id", "customer_id", "lines"]);
}

#[tokio::test(start_paused = true)]
async fn streams_pass_state_by_state() {
    let shop = Shop::open();
    let mut orders = OrdersServiceClient::new(shop.channel());
    let mut states =
        orders.watch_order(WatchOrderRequest { order_id: KEY.into() }).await.unwrap().into_inner();
    for expected in [OrderState::Pending, OrderState::Confirmed] {
        assert_eq!(states.message().await.unwrap().unwrap().order.unwrap().state(), expected);
    }
    assert_eq!(states.message().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_by_its_deadline_or_with_the_shop_and_says_why() {
    let shop = Shop::open();
    let mut orders = OrdersServiceClient::new(shop.channel());
    let start = Instant::now();
    let watch = orders.watch_order(WatchOrderRequest { order_id: WAITING.into() }).await.unwrap();
    let states: Vec<_> = watch.into_inner().collect().await;
    assert_eq!(states.len(), 2);
    assert_eq!(states[1].as_ref().unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed().as_secs(), 3600);

    let mut watch =
        orders.watch_order(WatchOrderRequest { order_id: WAITING.into() }).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    shop.platform.shutdown.begin();
    let status = watch.message().await.unwrap_err();
    assert_eq!(error::reason(&status).as_deref(), Some("SHUTTING_DOWN"));
}

#[tokio::test(start_paused = true)]
async fn every_call_has_an_end() {
    let shop = Shop::open();
    for (timeout, seconds) in [(None, 15), (Some("7S"), 7), (Some("20000m"), 20), (Some("999H"), 60)] {
        let start = Instant::now();
        let headers: Vec<_> = timeout.map(|timeout| ("grpc-timeout", timeout)).into_iter().collect();
        let status = shop.call(GET_PRODUCT, &headers, &get("slow-one")).await.grpc_status();
        assert_eq!(error::reason(&status).as_deref(), Some(error::DEADLINE_EXCEEDED));
        assert_eq!(start.elapsed().as_secs(), seconds, "{timeout:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passed_deadline_and_a_malformed_one_are_refused() {
    let shop = Shop::open();
    let status = shop.call(GET_PRODUCT, &[("grpc-timeout", "0n")], &get("tea-cup")).await.grpc_status();
    assert_eq!(
        (status.code(), error::reason(&status).as_deref()),
        (Code::DeadlineExceeded, Some("DEADLINE_EXCEEDED"))
    );
    let status = shop.call(GET_PRODUCT, &[("grpc-timeout", "soon")], &get("tea-cup")).await.grpc_status();
    assert_eq!(
        (status.code(), error::reason(&status).as_deref()),
        (Code::InvalidArgument, Some("INVALID_REQUEST"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_may_have_64_kib() {
    let shop = Shop::open();
    // A tag, three bytes of length, and the text.
    let answer = shop.call(GET_PRODUCT, &[], &get(&"x".repeat(64 * 1024 - 4))).await;
    assert_eq!(answer.grpc_status().code(), Code::Ok);
    for length in [64 * 1024 - 3, 1024 * 1024] {
        let status = shop.call(GET_PRODUCT, &[], &get(&"x".repeat(length))).await.grpc_status();
        let told = (status.code(), error::reason(&status));
        assert_eq!(told, (Code::InvalidArgument, Some("BODY_TOO_LARGE".to_owned())), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_the_inside_may_say_is_stripped() {
    let shop = Shop::open();
    let headers = [
        ("madang-deadline", "1"),
        ("madang-anything", "1"),
        ("x-envoy-attempt-count", "9"),
        ("x-request-id", KEY),
        ("x-tenant", "kept"),
    ];
    let answer = shop.call(GET_PRODUCT, &headers, &get("echo-headers")).await;
    let tags = GetProductResponse::decode(&answer.body[5..]).unwrap().product.unwrap().tags.join("\n");
    assert!(!tags.contains("madang-anything") && !tags.contains("attempt-count"), "{tags}");
    assert!(!tags.contains("(\"madang-deadline\", \"1\")"), "{tags}");
    assert!(tags.contains("kept") && tags.contains(KEY), "{tags}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_is_unavailable() {
    let shop = Shop::with(&["--catalog-url=http://nobody"]);
    let status = shop.call(GET_PRODUCT, &[], &get("tea-cup")).await.grpc_status();
    assert_eq!((status.code(), error::reason(&status)), (Code::Unavailable, None));
}

#[tokio::test(start_paused = true)]
async fn metadata_of_a_typed_client_passes() {
    let shop = Shop::open();
    let mut request = Request::new(GetProductRequest { product_id: "echo-headers".into() });
    request.metadata_mut().insert("x-tenant", "kept".parse().unwrap());
    let product = CatalogServiceClient::new(shop.channel()).get_product(request).await.unwrap();
    assert!(product.into_inner().product.unwrap().tags.join(" ").contains("kept"));
}
