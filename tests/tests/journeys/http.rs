//! The same by HTTP/JSON.

use madang_tests::customer::{PLENTY, SCARCE};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::web::{self, Answer};
use madang_tests::{Service, Shop, audit, ids};
use serde_json::{Value, json};

fn wants(customer: &str, product: &str, quantity: i64) -> Value {
    json!({
        "customerId": customer,
        "lines": [{ "productId": product, "quantity": quantity.to_string() }],
        "address": {
            "regionCode": "KR",
            "postalCode": "04524",
            "recipient": "Test Customer",
            "addressLines": ["1 Courtyard Road"],
        },
        "cardToken": "tok_visa",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_buys_by_http() {
    let shop = Shop::open().await.unwrap();
    let api = format!("{}/api", shop.url(Service::Gateway));
    let customer = ids::customer("web");
    let key = ids::uuid();
    let place = async || {
        let body = wants(&customer, PLENTY, 1);
        web::post(&format!("{api}/orders"), &[("idempotency-key", &key)], &body).await.unwrap()
    };
    let placed = ok(place().await);
    assert_eq!(placed["order"]["state"], "ORDER_STATE_CONFIRMED", "{placed:#}");
    let order_id = placed["order"]["orderId"].as_str().unwrap().to_owned();
    assert_eq!(ok(place().await)["order"]["orderId"], *order_id);

    let shown = ok(web::get(&format!("{api}/orders/{order_id}")).await.unwrap());
    assert_eq!(shown["order"]["customerId"], *customer);
    let listed = ok(web::get(&format!("{api}/orders?customer_id={customer}")).await.unwrap());
    assert_eq!(listed["orders"].as_array().unwrap().len(), 1);
    let watched = web::get(&format!("{api}/orders/{order_id}/watch")).await.unwrap();
    assert!(watched.text.contains("ORDER_STATE_CONFIRMED"), "{}", watched.text);
    let told = wait::until("both notifications", PATIENCE, async || {
        let told = ok(web::get(&format!("{api}/notifications?customer_id={customer}")).await?);
        Ok(told["notifications"].as_array().map(Vec::len).filter(|count| *count == 2))
    });
    told.await.unwrap();
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_problems_with_a_reason() {
    let shop = Shop::open().await.unwrap();
    let api = format!("{}/api", shop.url(Service::Gateway));
    let customer = ids::customer("web");
    let post = async |body: &Value| {
        web::post(&format!("{api}/orders"), &[("idempotency-key", &ids::uuid())], body).await.unwrap()
    };
    ok(post(&wants(&customer, SCARCE, 3)).await);
    let rejected = ok(post(&wants(&customer, SCARCE, 1)).await);
    assert_eq!(rejected["order"]["state"], "ORDER_STATE_REJECTED");
    assert_eq!(rejected["order"]["reason"], "OUT_OF_STOCK");
    let order_id = rejected["order"]["orderId"].as_str().unwrap();
    let url = format!("{api}/orders/{order_id}/cancel");
    let cancelled = web::post(&url, &[("idempotency-key", &ids::uuid())], &json!({})).await.unwrap();
    refused(&cancelled, 400, "ORDER_REJECTED");
    refused(&post(&wants(&customer, "no-such-product", 1)).await, 404, "PRODUCT_NOT_FOUND");
    let bad = post(&wants(&customer, PLENTY, 0)).await;
    refused(&bad, 400, "INVALID_REQUEST");
    assert_eq!(bad.json()["violations"].as_array().unwrap().len(), 1, "{}", bad.text);
    let unknown = web::get(&format!("{api}/orders/{}", ids::uuid())).await.unwrap();
    refused(&unknown, 404, "ORDER_NOT_FOUND");
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_page_answers_while_inventory_is_dead() {
    let mut shop = Shop::open().await.unwrap();
    let url = format!("{}/api/products/{PLENTY}", shop.url(Service::Gateway));
    let stock = async |state: &str| {
        wait::until(&format!("the stock to be {state}"), PATIENCE, async || {
            // It answers at every moment.
            let page = ok(web::get(&url).await?);
            assert_eq!(page["product"]["productId"], PLENTY, "{page:#}");
            Ok((page["stock"]["state"] == state).then(|| page["stock"].clone()))
        })
        .await
        .unwrap()
    };
    let before = stock("known").await;
    shop.kill_nine(Service::Inventory).unwrap();
    stock("unknown").await;
    shop.start(Service::Inventory).await.unwrap();
    assert_eq!(stock("known").await, before);
}

#[track_caller]
fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.headers.contains_key("x-request-id"), "{:?}", answer.headers);
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.json()["reason"], reason, "{}", answer.text);
}
