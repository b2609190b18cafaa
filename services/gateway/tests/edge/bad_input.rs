use http::Method;
use serde_json::json;

use crate::client::request;
use crate::orders::{KEY, order};
use crate::shop::Shop;

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_order_is_invalid_json() {
    let shop = Shop::open();
    let mut unknown_field = order();
    unknown_field["colour"] = json!("blue");
    let unknown_field = unknown_field.to_string();
    let bodies: [(&[u8], &str); 7] = [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"[]", ""),
        (b"{\"customerId\": \"\xff\xfe\"}", "UTF-8"),
        (b"{} {}", "trailing"),
        (b"{\"customerId\": 7}", ""),
        (unknown_field.as_bytes(), "colour"),
    ];
    for (body, says) in bodies {
        let answer = shop.post("/api/orders", &[("idempotency-key", KEY)], body.to_vec()).await;
        let problem = answer.problem(400, "INVALID_JSON");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let deep = "[".repeat(10_000);
    shop.post("/api/orders", &[], deep).await.problem(400, "INVALID_JSON");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_another_type_is_refused() {
    let shop = Shop::open();
    for given in [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/jsonp")]] {
        let answer = shop.send(request(Method::POST, "/api/orders", given, order().to_string())).await;
        answer.problem(415, "UNSUPPORTED_MEDIA_TYPE");
        let path = format!("/api/orders/{KEY}/cancel");
        let answer = shop.send(request(Method::POST, &path, given, "{}")).await;
        answer.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let charset = [("content-type", "Application/JSON; charset=utf-8"), ("idempotency-key", KEY)];
    let answer = shop.send(request(Method::POST, "/api/orders", &charset, order().to_string())).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_have_64_kib() {
    let shop = Shop::open();
    let padded = |length: usize| {
        let order = order().to_string();
        let blanks = " ".repeat(length - order.len());
        order + &blanks
    };
    let key = [("idempotency-key", KEY)];
    assert_eq!(shop.post("/api/orders", &key, padded(64 * 1024)).await.status, 200);
    shop.post("/api/orders", &key, padded(64 * 1024 + 1)).await.problem(413, "BODY_TOO_LARGE");
    shop.post("/api/orders", &key, padded(1024 * 1024)).await.problem(413, "BODY_TOO_LARGE");
    let path = format!("/api/orders/{KEY}/cancel");
    shop.post(&path, &key, padded(1024 * 1024)).await.problem(413, "BODY_TOO_LARGE");
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_bad_request_id_is_named_with_all_else_that_is_wrong() {
    let shop = Shop::open();
    for headers in [&[][..], &[("idempotency-key", "")], &[("idempotency-key", "soon")]] {
        let problem = shop.post("/api/orders", headers, "{}").await.problem(400, "INVALID_REQUEST");
        let violations = problem["violations"].as_array().unwrap();
        let fields: Vec<_> =
            violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["request_id", "customer_id", "lines"]);
        for violation in violations {
            assert!(violation["reason"].is_string() && violation["description"].is_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_page_token_is_refused() {
    let shop = Shop::open();
    for path in ["/api/products?page_token=forged", "/api/products?q=tea&page_token=forged"] {
        shop.get(path).await.problem(400, "INVALID_PAGE_TOKEN");
    }
    shop.get("/api/orders?customer_id=mina&page_token=forged").await.problem(400, "INVALID_PAGE_TOKEN");
}

#[tokio::test(start_paused = true)]
async fn every_bad_parameter_is_named() {
    let shop = Shop::open();
    for path in ["/api/products", "/api/orders", "/api/notifications"] {
        let answer = shop.get(&format!("{path}?page_size=9999999999&colour=blue&page_token=%FF")).await;
        let problem = answer.problem(400, "INVALID_REQUEST");
        let violations = problem["violations"].as_array().unwrap();
        let fields: Vec<_> =
            violations.iter().map(|violation| violation["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["colour", "page_token", "page_size"], "{path}");
    }
    for size in ["-1", "abc", "1.5", "9999999999"] {
        let answer = shop.get(&format!("/api/products?page_size={size}")).await;
        let problem = answer.problem(400, "INVALID_REQUEST");
        let told = problem["violations"][0]["description"].as_str().unwrap();
        assert!(told.contains("a number from 0 to 2147483647"), "{told}");
    }
    shop.get("/api/products/%FF").await.problem(400, "INVALID_REQUEST");
}

#[tokio::test(start_paused = true)]
async fn routes_without_parameters_refuse_them() {
    let shop = Shop::open();
    let order = format!("/api/orders/{KEY}");
    let gets =
        ["/api/products/tea-cup", &order, &format!("{order}/watch")].map(|path| (path.to_owned(), false));
    for (path, post) in gets.into_iter().chain([("/api/orders".to_owned(), true), (order + "/cancel", true)])
    {
        let path = path + "?colour=blue";
        let answer = match post {
            true => shop.post(&path, &[("idempotency-key", KEY)], "{}").await,
            false => shop.get(&path).await,
        };
        let problem = answer.problem(400, "INVALID_REQUEST");
        let violation = &problem["violations"][0];
        assert_eq!(
            (&violation["field"], &violation["reason"]),
            (&json!("colour"), &json!("UNKNOWN_PARAMETER"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_a_problem_too() {
    let shop = Shop::open();
    for path in [
        "/nothing",
        "/api",
        "/api/shipments/1",
        "/api/products/a/b",
        "/madang.orders.v1.OrdersService/GetOrder",
    ] {
        shop.get(path).await.problem(404, "UNKNOWN_PATH");
    }
    for (method, path) in [
        (Method::DELETE, "/api/products"),
        (Method::PUT, "/api/orders/1"),
        (Method::GET, "/api/orders/1/cancel"),
        (Method::POST, "/"),
    ] {
        let answer = shop.send(request(method, path, &[], "")).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        assert!(answer.headers.contains_key("allow"));
    }
}
