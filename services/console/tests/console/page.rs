use std::time::Duration;

use axum::http::Method;
use madang_chassis::{Platform, ServerArgs, web};
use madang_console::SERVICE;
use serde_json::json;
use tokio::time::Instant;

use crate::shop::Shop;

#[tokio::test(start_paused = true)]
async fn each_service_is_shown_as_it_is() {
    let shop = Shop::open(&["catalog", "orders", "payments"]);
    shop.start("catalog");
    let orders = shop.start("orders");
    let _guard = orders.readiness.guard("database");
    let services = shop.services().await;
    assert_eq!(
        services[0],
        json!({
            "name": "catalog", "admin_url": "http://catalog/", "state": "ready", "version": "1.2.3",
            "address": "127.0.0.1:50051", "missing": [], "uptime_seconds": 0,
        })
    );
    assert_eq!((&services[1]["state"], &services[1]["missing"]), (&json!("not_ready"), &json!(["database"])));
    assert_eq!(services[2]["state"], "not_reachable");

    let (status, headers, page) = shop.get("/").await;
    assert_eq!((status, &headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    for text in
        ["1 of 3 services", "not ready: waits for database", "not reachable", "1.2.3", "127.0.0.1:50051"]
    {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_and_goes_is_followed() {
    let shop = Shop::open(&["catalog"]);
    assert_eq!(shop.services().await[0]["state"], "not_reachable");
    let catalog = shop.start("catalog");
    assert_eq!(shop.services().await[0]["state"], "ready");
    catalog.shutdown.begin();
    assert_eq!(shop.services().await[0]["state"], "not_ready");
}

#[tokio::test(start_paused = true)]
async fn services_that_hang_cost_a_second_together() {
    let shop = Shop::open(&["catalog", "orders", "payments"]);
    let _accepts_and_says_nothing = ["catalog", "payments"].map(|name| shop.network.listen(name));
    shop.start("orders");
    let start = Instant::now();
    let services = shop.services().await;
    assert!(start.elapsed() <= Duration::from_millis(1010), "{:?}", start.elapsed());
    let states: Vec<_> =
        services.as_array().unwrap().iter().map(|service| service["state"].clone()).collect();
    assert_eq!(states, ["not_reachable", "ready", "not_reachable"]);
    assert_eq!(services[0]["cause"], "no answer within 1s");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_service_or_another_one_is_not_reachable() {
    let shop = Shop::open(&["catalog", "orders"]);
    shop.start_at("payments", shop.network.listen("catalog"));
    let (platform, listener) = (Platform::test(SERVICE), shop.network.listen("orders"));
    let router = axum::Router::new().route("/info", axum::routing::get(async || "<b>hello</b>"));
    shop.platform.tasks.spawn("other", async move {
        web::serve(&platform, &ServerArgs::default(), listener, router).await;
    });
    let services = shop.services().await;
    assert_eq!(services[0]["cause"], "payments answers here");
    assert_eq!(services[1]["state"], "not_reachable");
    let (_, _, page) = shop.get("/").await;
    assert!(page.contains("payments answers here") && !page.contains("<b>"));
}

#[tokio::test(start_paused = true)]
async fn the_page_loads_nothing_from_elsewhere_and_refreshes_itself() {
    let shop = Shop::open(&["catalog"]);
    let (_, headers, page) = shop.get("/").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    assert!(page.contains(r#"http-equiv="refresh""#) && page.contains(r#"name="viewport""#));
    assert!(!page.contains("<script") && !page.contains("href=\"http"));
    let (status, headers, style) = shop.get("/style.css").await;
    assert_eq!((status, &headers["content-type"]), (200, &"text/css; charset=utf-8".parse().unwrap()));
    assert!(style.contains("light dark") && !style.contains("url("));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_told_in_plain_text() {
    let shop = Shop::open(&[]);
    for (method, path, expected, says) in
        [(Method::GET, "/nothing", 404, "nothing at this path"), (Method::POST, "/", 405, "this method")]
    {
        let (status, headers, body) = shop.send(method, path).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (expected, &"text/plain; charset=utf-8".parse().unwrap())
        );
        assert!(body.contains(says), "{body}");
        assert_eq!(headers.contains_key("allow"), expected == 405);
    }
}
