use futures::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::client::request;
use crate::fakes::{BREAKING, NO_ORDER, WAITING};
use crate::shop::Shop;

pub(crate) const KEY: &str = "0198c0de-0000-7000-8000-000000000001";
const OTHER_KEY: &str = "0198c0de-0000-7000-8000-000000000002";

pub(crate) fn order() -> Value {
    json!({
        "customerId": "mina",
        "lines": [{ "productId": "tea-cup", "quantity": "2" }],
        "address": { "regionCode": "KR", "postalCode": "03051", "recipient": "Mina", "addressLines": ["1"] },
        "cardToken": "tok_visa",
    })
}

fn with(field: &str, value: &str) -> String {
    let mut order = order();
    order[field] = json!(value);
    order.to_string()
}

#[tokio::test(start_paused = true)]
async fn an_order_is_placed_by_the_key_of_header_or_body() {
    let shop = Shop::open();
    let placed = shop.post("/api/orders", &[("idempotency-key", KEY)], order().to_string()).await;
    assert_eq!(placed.status, 200);
    let placed = placed.json();
    assert_eq!(placed["order"]["orderId"], KEY);
    assert_eq!(placed["order"]["state"], "ORDER_STATE_CONFIRMED");
    let placed = shop.post("/api/orders", &[], with("requestId", KEY)).await.json();
    assert_eq!(placed["order"]["orderId"], KEY);
    let both = shop.post("/api/orders", &[("idempotency-key", KEY)], with("requestId", KEY)).await;
    assert_eq!(both.status, 200);
    let proto_names = with("request_id", KEY);
    assert_eq!(shop.post("/api/orders", &[], proto_names).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn two_different_keys_are_refused() {
    let shop = Shop::open();
    let answer = shop.post("/api/orders", &[("idempotency-key", OTHER_KEY)], with("requestId", KEY)).await;
    let problem = answer.problem(400, "INVALID_REQUEST");
    assert_eq!(problem["violations"][0]["field"], "request_id");
}

#[tokio::test(start_paused = true)]
async fn refusals_keep_their_reasons() {
    let shop = Shop::open();
    for (card, status, reason) in
        [("tok_reused", 409, "REQUEST_ID_REUSED"), ("tok_region", 400, "REGION_NOT_SERVED")]
    {
        let answer = shop.post("/api/orders", &[("idempotency-key", KEY)], with("cardToken", card)).await;
        answer.problem(status, reason);
    }
    let answer =
        shop.post("/api/orders", &[("idempotency-key", KEY)], with("cardToken", "tok_overload")).await;
    answer.problem(429, "OVERLOADED");
    assert_eq!(answer.headers["retry-after"], "2");
}

#[tokio::test(start_paused = true)]
async fn orders_are_read_and_listed() {
    let shop = Shop::open();
    let order = shop.get(&format!("/api/orders/{KEY}")).await.json();
    assert_eq!(order["order"]["orderId"], KEY);
    shop.get(&format!("/api/orders/{NO_ORDER}")).await.problem(404, "ORDER_NOT_FOUND");
    let problem = shop.get("/api/orders/not-a-uuid").await.problem(400, "INVALID_REQUEST");
    assert_eq!(problem["violations"][0]["field"], "order_id");
    let orders = shop.get("/api/orders?customer_id=mina&page_size=3").await.json();
    assert_eq!(orders["orders"].as_array().unwrap().len(), 3);
    let problem = shop.get("/api/orders").await.problem(400, "INVALID_REQUEST");
    assert_eq!(problem["violations"][0]["field"], "customer_id");
}

#[tokio::test(start_paused = true)]
async fn an_order_is_cancelled_with_a_body_or_without() {
    let shop = Shop::open();
    let path = format!("/api/orders/{WAITING}/cancel");
    let bare = request(Method::POST, &path, &[("idempotency-key", KEY)], "");
    let order = shop.send(bare).await.json();
    assert_eq!((&order["order"]["orderId"], &order["order"]["reason"]), (&json!(WAITING), &json!(KEY)));
    let body = json!({ "requestId": KEY, "orderId": WAITING }).to_string();
    assert_eq!(shop.post(&path, &[], body).await.status, 200);
    let other = json!({ "requestId": KEY, "orderId": OTHER_KEY }).to_string();
    let problem = shop.post(&path, &[], other).await.problem(400, "INVALID_REQUEST");
    assert_eq!(problem["violations"][0]["field"], "order_id");
    let both = json!({ "requestId": KEY, "orderId": OTHER_KEY }).to_string();
    let answer = shop.post(&path, &[("idempotency-key", OTHER_KEY)], both).await;
    let problem = answer.problem(400, "INVALID_REQUEST");
    let fields = [&problem["violations"][0]["field"], &problem["violations"][1]["field"]];
    assert_eq!(fields, ["request_id", "order_id"]);
    let keyless = shop.send(request(Method::POST, &path, &[], "")).await;
    assert_eq!(keyless.problem(400, "INVALID_REQUEST")["violations"][0]["field"], "request_id");
}

#[tokio::test(start_paused = true)]
async fn an_order_is_followed_until_it_is_final() {
    let answer = Shop::open().get(&format!("/api/orders/{KEY}/watch")).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let events: Vec<&str> = answer.text().split_terminator("\n\n").collect();
    let states = ["ORDER_STATE_PENDING", "ORDER_STATE_CONFIRMED"];
    assert_eq!(events.len(), states.len());
    for (event, state) in events.iter().zip(states) {
        let data = event.strip_prefix("event: order\ndata: ").unwrap();
        let order: Value = serde_json::from_str(data).unwrap();
        assert_eq!((&order["order"]["orderId"], &order["order"]["state"]), (&json!(KEY), &json!(state)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_cannot_begin_is_a_problem_and_one_that_breaks_an_event() {
    let shop = Shop::open();
    shop.get(&format!("/api/orders/{NO_ORDER}/watch")).await.problem(404, "ORDER_NOT_FOUND");
    let answer = shop.get(&format!("/api/orders/{BREAKING}/watch")).await;
    let last = answer.text().split_terminator("\n\n").last().unwrap();
    let problem: Value = serde_json::from_str(last.strip_prefix("event: problem\ndata: ").unwrap()).unwrap();
    assert_eq!((&problem["status"], &problem["reason"]), (&json!(500), &json!("INTERNAL")));
    assert!(!answer.text().contains("row 9"));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_kept_alive_and_ends_with_the_shop() {
    let shop = Shop::open();
    let watch = request(Method::GET, &format!("/api/orders/{WAITING}/watch"), &[], "");
    let mut body = shop.open_answer(watch).await.into_body().into_data_stream();
    assert!(body.next().await.unwrap().unwrap().starts_with(b"event: order"));
    assert!(body.next().await.unwrap().unwrap().starts_with(b":"));
    shop.platform.shutdown.begin();
    let last = body.next().await.unwrap().unwrap();
    let problem = std::str::from_utf8(&last).unwrap().strip_prefix("event: problem\ndata: ").unwrap();
    let problem: Value = serde_json::from_str(problem).unwrap();
    assert_eq!((&problem["status"], &problem["reason"]), (&json!(503), &json!("SHUTTING_DOWN")));
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_cut_off_says_so_once() {
    let answer = Shop::open().get(&format!("/api/orders/{WAITING}/watch")).await;
    let events: Vec<&str> =
        answer.text().split_terminator("\n\n").filter(|event| event.starts_with("event")).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].starts_with("event: problem") && events[1].contains("DEADLINE_EXCEEDED"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn watches_have_a_limit_of_their_own() {
    let shop = Shop::with(&["--max-streams=1"]);
    let path = format!("/api/orders/{WAITING}/watch");
    let _open = shop.open_answer(request(Method::GET, &path, &[], "")).await;
    let refused = shop.get(&path).await;
    refused.problem(429, "OVERLOADED");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(shop.get(&format!("/api/orders/{KEY}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn notifications_are_listed() {
    let shop = Shop::open();
    let told = shop.get("/api/notifications?customer_id=mina").await.json();
    assert_eq!(told["notifications"][0]["kind"], "NOTIFICATION_KIND_ORDER_CONFIRMED");
    shop.get("/api/notifications").await.problem(400, "INVALID_REQUEST");
}
