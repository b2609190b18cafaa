//! gRPC-Web through the edge.

use http::Method;
use madang_api::catalog::v1::{GetProductRequest, GetProductResponse};
use madang_api::error;
use prost::Message;
use tonic::{Code, Status};

use crate::client::{Answer, framed, request};
use crate::shop::Shop;

const GET_PRODUCT: &str = "/madang.catalog.v1.CatalogService/GetProduct";

async fn call(shop: &Shop, path: &str, product_id: &str) -> Answer {
    let message = GetProductRequest { product_id: product_id.into() }.encode_to_vec();
    let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
    shop.send(request(Method::POST, path, &headers, framed(&message))).await
}

/// The messages of an answer, and the status of its last frame or of its headers.
fn frames(answer: &Answer) -> (Vec<&[u8]>, Option<String>) {
    let (mut messages, mut trailers) = (Vec::new(), None);
    let mut rest = &answer.body[..];
    while let [flag, a, b, c, d, more @ ..] = rest {
        let (frame, more) = more.split_at(u32::from_be_bytes([*a, *b, *c, *d]).try_into().unwrap());
        match flag {
            0x80 => trailers = Some(String::from_utf8(frame.to_vec()).unwrap()),
            _ => messages.push(frame),
        }
        rest = more;
    }
    (messages, trailers)
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_over_http_1_is_answered() {
    let answer = call(&Shop::open(), GET_PRODUCT, "tea-cup").await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (200, &"application/grpc-web+proto".parse().unwrap())
    );
    assert!(answer.headers.contains_key("x-request-id"));
    let (messages, trailers) = frames(&answer);
    let product = GetProductResponse::decode(messages[0]).unwrap().product.unwrap();
    assert_eq!(product.product_id, "tea-cup");
    assert!(trailers.unwrap().contains("grpc-status:0"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_the_protocol() {
    let shop = Shop::open();
    for (path, product, code) in [
        (GET_PRODUCT, "missing-one", Code::NotFound),
        ("/madang.catalog.v1.CatalogService/UpsertProduct", "tea-cup", Code::PermissionDenied),
        ("/madang.payments.v1.PaymentsService/GetPayment", "tea-cup", Code::PermissionDenied),
        (GET_PRODUCT, &"x".repeat(1024 * 1024), Code::InvalidArgument),
    ] {
        let answer = call(&shop, path, product).await;
        assert_eq!(answer.headers["content-type"], "application/grpc-web+proto");
        assert_eq!(Status::from_header_map(&answer.headers).unwrap().code(), code, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_call_is_told_in_the_protocol() {
    let shop = Shop::with(&["--rate-burst=1", "--rate-limit=1"]);
    assert_eq!(call(&shop, GET_PRODUCT, "tea-cup").await.status, 200);
    let answer = call(&shop, GET_PRODUCT, "tea-cup").await;
    assert_eq!(answer.headers["content-type"], "application/grpc-web+proto");
    let status = Status::from_header_map(&answer.headers).unwrap();
    assert_eq!(error::reason(&status).as_deref(), Some("RATE_LIMITED"));
}

#[tokio::test(start_paused = true)]
async fn plain_grpc_over_http_1_is_sent_to_the_right_protocol() {
    let headers = [("content-type", "application/grpc")];
    let answer = Shop::open().send(request(Method::POST, GET_PRODUCT, &headers, framed(&[]))).await;
    answer.problem(400, "HTTP2_REQUIRED");
}

#[tokio::test(start_paused = true)]
async fn grpc_web_as_text_is_refused() {
    let shop = Shop::open();
    for content_type in
        ["application/grpc-web-text", "application/grpc-web-text+proto", "application/grpc-web+json"]
    {
        let headers = [("content-type", content_type)];
        let answer = shop.send(request(Method::POST, GET_PRODUCT, &headers, "AAAAAAUKA2JhZA==")).await;
        let problem = answer.problem(415, "UNSUPPORTED_MEDIA_TYPE");
        assert!(problem["detail"].as_str().unwrap().contains("binary"), "{problem}");
    }
}
