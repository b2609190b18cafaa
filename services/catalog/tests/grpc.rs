//! CatalogService through the real server, on a real SQLite file, over connections in memory.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

#[path = "grpc/shop.rs"]
mod shop;

use madang_api::catalog::v1::{Product, UpsertProductRequest};
use madang_api::error;
use madang_api::types::v1::Money;
use madang_catalog::shipped;
use shop::{Shop, gong, ids, invalid, refused, text};
use tonic::Code;

const CUP: &str = "celadon-tea-cup";
const JAR: &str = "moon-jar-master";
const NONE: &str = "no-such-product";

#[tokio::test]
async fn a_product_is_told_with_all_its_fields() {
    let mut shop = Shop::open().await;
    let cup = shop.get(CUP).await.unwrap();
    assert_eq!(cup.name, text("Celadon tea cup", "청자 찻잔"));
    assert_eq!(cup.category, "tea");
    assert_eq!(cup.tags, ["celadon", "tea cup", "teaware", "청자", "찻잔", "다구"]);
    assert_eq!(cup.price.unwrap().currency_code, "USD");
    assert!(cup.weight_grams > 0 && cup.update_time.is_some());
    assert!(cup.description.unwrap().ko.contains("찻잔"));
}

#[tokio::test]
async fn an_unknown_or_malformed_product_is_refused() {
    let mut shop = Shop::open().await;
    let status = refused(shop.get(NONE).await, Code::NotFound, "PRODUCT_NOT_FOUND");
    assert_eq!(error::facts(&status)["product_id"], NONE);
    for bad in ["", "Celadon", "백자", &"x".repeat(49)] {
        assert_eq!(invalid(shop.get(bad).await), ["product_id"], "{bad}");
    }
}

#[tokio::test]
async fn a_batch_keeps_the_order_of_the_request_and_names_all_that_are_missing() {
    let mut shop = Shop::open().await;
    assert_eq!(ids(shop.batch(&[JAR, CUP]).await.unwrap()), [JAR, CUP]);
    assert_eq!(ids(shop.batch(&[CUP, JAR]).await.unwrap()), [CUP, JAR]);

    let missing = shop.batch(&[NONE, CUP, "another-one"]).await;
    let status = refused(missing, Code::NotFound, "PRODUCT_NOT_FOUND");
    assert_eq!(error::facts(&status)["product_ids"], format!("{NONE},another-one"));

    let longest: Vec<String> = (0..200).map(|n| format!("{n:0>48}")).collect();
    let longest: Vec<&str> = longest.iter().map(String::as_str).collect();
    let status = refused(shop.batch(&longest).await, Code::NotFound, "PRODUCT_NOT_FOUND");
    assert_eq!(error::facts(&status)["product_ids"].split(',').count(), 200);
}

#[tokio::test]
async fn a_batch_of_none_too_many_twice_or_malformed_is_refused() {
    let mut shop = Shop::open().await;
    assert_eq!(invalid(shop.batch(&[]).await), ["product_ids"]);
    assert_eq!(invalid(shop.batch(&[CUP; 201]).await), ["product_ids"]);
    let fields = invalid(shop.batch(&[CUP, "A", CUP, ""]).await);
    assert_eq!(fields, ["product_ids[1]", "product_ids[2]", "product_ids[3]"]);
}

#[tokio::test]
async fn the_pages_of_the_list_join_to_all_products_by_id() {
    let mut shop = Shop::open().await;
    let mut all: Vec<String> =
        shipped().unwrap().products.iter().map(|product| product.id.to_string()).collect();
    all.sort();
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = shop.list(7, &token).await.unwrap();
        listed.extend(page);
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, all);
    assert_eq!(shop.list(0, "").await.unwrap().0.len(), 50, "the default");
    assert_eq!(shop.list(1_000, "").await.unwrap().0, all, "at most 200");
}

#[tokio::test]
async fn a_bad_size_and_a_token_of_another_list_are_refused() {
    let mut shop = Shop::open().await;
    assert_eq!(invalid(shop.list(-1, "").await), ["page_size"]);
    assert_eq!(invalid(shop.search(" ", -1, "").await), ["query", "page_size"]);
    let of_list = shop.list(1, "").await.unwrap().1;
    let of_jar = shop.search("jar", 1, "").await.unwrap().1;
    for token in ["forged", &of_jar] {
        refused(shop.list(1, token).await, Code::InvalidArgument, error::INVALID_PAGE_TOKEN);
    }
    for token in ["forged", &of_list] {
        refused(shop.search("jar", 1, token).await, Code::InvalidArgument, error::INVALID_PAGE_TOKEN);
    }
    refused(shop.search("cup", 1, &of_jar).await, Code::InvalidArgument, error::INVALID_PAGE_TOKEN);
}

#[tokio::test]
async fn a_search_finds_in_both_languages_a_page_at_a_time() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.search("tea cup", 1, "").await.unwrap().0, [CUP]);
    assert_eq!(shop.search("celadon 찻잔", 1, "").await.unwrap().0, [CUP]);
    assert_eq!(shop.search("moon jar", 1, "").await.unwrap().0, [JAR]);
    assert_eq!(shop.search("없는말", 0, "").await.unwrap(), (vec![], String::new()));

    let (whole, _) = shop.search("항아리", 0, "").await.unwrap();
    let (mut paged, token) = shop.search("항아리", 2, "").await.unwrap();
    paged.extend(shop.search("항아리", 200, &token).await.unwrap().0);
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn a_query_has_1_to_200_characters() {
    let mut shop = Shop::open().await;
    assert!(shop.search(&"항".repeat(200), 0, "").await.is_ok());
    for bad in ["", "  ", &"항".repeat(201), "a\0b"] {
        assert_eq!(invalid(shop.search(bad, 0, "").await), ["query"], "{bad:?}");
    }
}

#[tokio::test]
async fn a_written_product_is_read_listed_and_found_and_a_second_write_replaces_it_whole() {
    let mut shop = Shop::open().await;
    let written = shop.upsert(1, gong()).await.unwrap();
    assert_eq!(Product { update_time: None, ..written.clone() }, gong());
    assert_eq!(shop.get("bronze-gong").await.unwrap(), written);
    assert_eq!(shop.search("tamtam", 0, "").await.unwrap().0, ["bronze-gong"]);
    assert!(shop.list(200, "").await.unwrap().0.contains(&"bronze-gong".to_owned()));

    let bell = Product { name: text("Bronze bell", "종"), tags: vec![], description: None, ..gong() };
    let written = shop.upsert(2, bell).await.unwrap();
    assert_eq!((written.tags.len(), written.description.clone()), (0, text("", "")));
    assert_eq!(shop.get("bronze-gong").await.unwrap(), written);
    assert_eq!(shop.search("tamtam", 0, "").await.unwrap().0, [""; 0]);
}

#[tokio::test]
async fn a_repeated_write_answers_the_present_and_other_content_is_refused() {
    let mut shop = Shop::open().await;
    let first = shop.upsert(1, gong()).await.unwrap();
    assert_eq!(shop.upsert(1, gong()).await.unwrap(), first);
    let heavier = shop.upsert(2, Product { weight_grams: 5_000, ..gong() }).await.unwrap();
    assert_eq!(shop.upsert(1, gong()).await.unwrap(), heavier);
    let others = [
        Product { weight_grams: 1, ..gong() },
        Product { tags: vec![], ..gong() },
        Product { product_id: "other-gong".into(), ..gong() },
    ];
    for other in others {
        refused(shop.upsert(1, other).await, Code::AlreadyExists, error::REQUEST_ID_REUSED);
    }
    assert_eq!(shop.get("bronze-gong").await.unwrap(), heavier);
    refused(shop.get("other-gong").await, Code::NotFound, "PRODUCT_NOT_FOUND");
}

#[tokio::test]
async fn every_violation_of_a_write_is_named_at_once_and_nothing_is_written() {
    let mut shop = Shop::open().await;
    let bad = Product {
        product_id: "Bronze Gong".into(),
        name: text("", &"징".repeat(121)),
        description: text(&"x".repeat(2_001), "ok"),
        category: "Games!".into(),
        tags: vec!["ok".into(), " ".into(), "x".repeat(41)],
        price: Some(Money { minor_units: -1, currency_code: "usd".into() }),
        weight_grams: 1_000_001,
        update_time: None,
    };
    let request = UpsertProductRequest { request_id: "1".into(), product: Some(bad) };
    let fields = invalid(shop.catalog.upsert_product(request).await);
    let expected = [
        "request_id",
        "product.product_id",
        "product.name.en",
        "product.name.ko",
        "product.description.en",
        "product.category",
        "product.tags[1]",
        "product.tags[2]",
        "product.price.currency_code",
        "product.price.minor_units",
        "product.weight_grams",
    ];
    assert_eq!(fields, expected);
    assert_eq!(shop.list(200, "").await.unwrap().0.len(), shipped().unwrap().products.len());
}

#[tokio::test]
async fn each_single_violation_of_a_write_is_named() {
    let mut shop = Shop::open().await;
    let cases: [(&str, Product); 8] = [
        ("product.name.ko", Product { name: text("Gong", ""), ..gong() }),
        ("product.description.ko", Product { description: text("Rings.", ""), ..gong() }),
        ("product.description.en", Product { description: text("", "울립니다."), ..gong() }),
        ("product.tags", Product { tags: vec!["gong".into(); 17], ..gong() }),
        ("product.price", Product { price: None, ..gong() }),
        ("product.price.minor_units", {
            Product { price: Some(Money { minor_units: 0, currency_code: "USD".into() }), ..gong() }
        }),
        ("product.weight_grams", Product { weight_grams: 0, ..gong() }),
        ("product.weight_grams", Product { weight_grams: i64::MIN, ..gong() }),
    ];
    for (field, product) in cases {
        assert_eq!(invalid(shop.upsert(1, product).await), [field]);
    }
    let nothing = UpsertProductRequest::default();
    assert_eq!(invalid(shop.catalog.upsert_product(nothing).await), ["request_id", "product"]);
    refused(shop.get("bronze-gong").await, Code::NotFound, "PRODUCT_NOT_FOUND");
    assert!(shop.upsert(1, gong()).await.is_ok(), "a refused request_id is still free");
}
