use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::shop::Shop;

#[tokio::test(start_paused = true)]
async fn products_are_listed_page_by_page() {
    let shop = Shop::open();
    let first = shop.get("/api/products?page_size=1").await;
    assert_eq!((first.status, &first.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    let first = first.json();
    assert_eq!(first["products"][0]["productId"], "first-page");
    assert_eq!(first["products"][0]["name"]["ko"], "찻잔");
    let token = first["nextPageToken"].as_str().unwrap();
    let second = shop.get(&format!("/api/products?page_token={token}")).await.json();
    assert_eq!(second["products"][0]["productId"], "second-page");
    assert_eq!(second["nextPageToken"], "");
}

#[tokio::test(start_paused = true)]
async fn products_are_found_by_words_in_both_languages() {
    let shop = Shop::open();
    let found = shop.get("/api/products?q=tea+cup").await.json();
    assert_eq!(found["products"][0]["tags"], json!(["tea cup"]));
    let found = shop.get("/api/products?q=%EC%B0%BB%EC%9E%94").await.json();
    assert_eq!(found["products"][0]["tags"], json!(["찻잔"]));
    let all = shop.get("/api/products?q=").await.json();
    assert_eq!(all["products"][0]["productId"], "first-page");
}

#[tokio::test(start_paused = true)]
async fn a_product_page_has_the_stock() {
    let shop = Shop::open();
    let page = shop.get("/api/products/tea-cup").await.json();
    assert_eq!(page["product"]["productId"], "tea-cup");
    assert_eq!(page["stock"], json!({ "state": "known", "available": 7 }));
    let page = shop.get("/api/products/never-stocked").await.json();
    assert_eq!(page["stock"], json!({ "state": "known", "available": 0 }));
}

#[tokio::test(start_paused = true)]
async fn a_product_page_answers_while_inventory_is_down_or_slow() {
    let unknown = json!({ "state": "unknown" });
    let start = Instant::now();
    let page = Shop::without_inventory(&[]).get("/api/products/tea-cup").await;
    assert_eq!((page.status, &page.json()["stock"]), (200, &unknown));
    assert!(start.elapsed() <= Duration::from_millis(310), "{:?}", start.elapsed());

    let start = Instant::now();
    let page = Shop::open().get("/api/products/slow-stock").await;
    assert_eq!((page.status, &page.json()["stock"]), (200, &unknown));
    assert!(start.elapsed() <= Duration::from_millis(310), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_missing_product_is_named() {
    let problem = Shop::open().get("/api/products/missing-one").await.problem(404, "PRODUCT_NOT_FOUND");
    assert_eq!(problem["facts"]["product_ids"], "missing-one");
    assert_eq!((&problem["title"], &problem["type"]), (&json!("Not Found"), &json!("about:blank")));
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_defect_stays_inside() {
    let shop = Shop::open();
    for id in ["broken-one", "panicking-one"] {
        let answer = shop.get(&format!("/api/products/{id}")).await;
        answer.problem(500, "INTERNAL");
        assert!(!answer.text().contains("row"), "{}", answer.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_does_not_answer_is_given_up() {
    let shop = Shop::open();
    let start = Instant::now();
    shop.get("/api/products/slow-one").await.problem(504, "DEADLINE_EXCEEDED");
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_down_is_told() {
    let shop = Shop::with(&["--catalog-url=http://nobody"]);
    shop.get("/api/products").await.problem(503, "UNAVAILABLE");
}
