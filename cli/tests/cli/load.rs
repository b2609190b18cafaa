use std::path::Path;
use std::process::Stdio;

use madang_api::catalog::v1::{
    GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, LocalizedText, Product,
    SearchProductsRequest, SearchProductsResponse,
};
use madang_api::error;
use madang_api::orders::v1::{
    ListOrdersRequest, ListOrdersResponse, Order, OrderState, PlaceOrderRequest, PlaceOrderResponse,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::{Code, Status};

use crate::fake::Fake;

const CATALOG: [&str; 3] = [
    "/madang.catalog.v1.CatalogService/ListProducts",
    "/madang.catalog.v1.CatalogService/SearchProducts",
    "/madang.catalog.v1.CatalogService/GetProduct",
];
const ORDERS: [&str; 2] =
    ["/madang.orders.v1.OrdersService/PlaceOrder", "/madang.orders.v1.OrdersService/ListOrders"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn product() -> Product {
    let name = Some(LocalizedText { en: "Tea <cup>".into(), ko: "찻잔".into() });
    Product { product_id: "celadon-tea-cup".into(), name, ..Product::default() }
}

/// The order of a request: its id is the request's, so that the list of a customer who has one alone can be made of it.
fn order(order_id: &str, customer_id: &str) -> Order {
    let mut order = Order { order_id: order_id.into(), customer_id: customer_id.into(), ..Order::default() };
    order.set_state(OrderState::Confirmed);
    order
}

/// A shop with one product, in which every order is confirmed.
fn shop() -> Fake {
    Fake::default()
        .on(CATALOG[0], |_: ListProductsRequest| {
            Ok(ListProductsResponse { products: vec![product()], ..ListProductsResponse::default() })
        })
        .on(CATALOG[1], |_: SearchProductsRequest| Ok(SearchProductsResponse::default()))
        .on(CATALOG[2], |_: GetProductRequest| Ok(GetProductResponse { product: Some(product()) }))
        .on(ORDERS[0], |request: PlaceOrderRequest| {
            // One order to a customer.
            Ok(PlaceOrderResponse { order: Some(order(&request.customer_id, &request.customer_id)) })
        })
        .on(ORDERS[1], |request: ListOrdersRequest| {
            let orders = vec![order(&request.customer_id, &request.customer_id)];
            Ok(ListOrdersResponse { orders, ..ListOrdersResponse::default() })
        })
}

#[tokio::test]
async fn a_load_is_told_each_second_and_at_its_end() {
    let args = "load --rate 40 --duration 1200ms --mix order=1,browse=3 --seed 3 --fail-on-error";
    let output = shop().madang(&args.split(' ').collect::<Vec<_>>()).await;
    let (told, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}{progress}");
    for word in
        ["ListProducts", "SearchProducts", "GetProduct", "PlaceOrder", "p99.9", "CONFIRMED", "generator:"]
    {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(told.contains("of 40.0 intended, for 1.2 s"), "{told}");
    assert!(progress.lines().filter(|line| line.contains("in flight")).count() >= 2, "{progress}");
    assert!(!told.contains('\u{1b}') && !progress.contains('\u{1b}'), "colours are for terminals");
}

#[tokio::test]
async fn a_report_is_json_and_a_page_that_needs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let [json, html] = ["load.json", "load.html"].map(|name| folder.path().join(name));
    let file = |path: &Path| path.to_str().unwrap().to_owned();
    let files = [file(&json), file(&html)];
    let args = ["load", "--rate", "20", "--duration", "500ms", "--output", "json"];
    let args = [&args[..], &["--json", &files[0], "--html", &files[1]]].concat();
    let output = shop().madang(&args).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(told, written);
    assert_eq!((&told["intended"], &told["ok"], &told["version"]), (&10.into(), &10.into(), &1.into()));
    let page = std::fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<figure>").count(), 4);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
    for foreign in ["<script", "<link", "<img", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_the_load_early_and_still_reports() {
    let shop = shop().open().await;
    let mut command = shop.command(&["load", "--rate", "20", "--duration", "1h", "--output", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut load = command.spawn().unwrap();
    let mut progress = BufReader::new(load.stderr.take().unwrap()).lines();
    while let Some(line) = progress.next_line().await.unwrap() {
        if line.contains("in flight") {
            break;
        }
    }
    let pid = Pid::from_raw(load.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let rest = async { while progress.next_line().await.unwrap().is_some() {} };
    let (output, ()) = tokio::join!(load.wait_with_output(), rest);
    let output = output.unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["stopped_early"], &told["failed"]), (&true.into(), &0.into()));
    assert!(
        told["sent"].as_u64().unwrap() >= 1 && told["sent_seconds"].as_f64().unwrap() < 3_600.0,
        "{told}"
    );
}

#[tokio::test]
async fn errors_are_told_by_code_and_reason_and_fail_where_that_is_wanted() {
    let refuse = |_: PlaceOrderRequest| -> Result<PlaceOrderResponse, Status> {
        Err(error::status(Code::FailedPrecondition, "REGION_NOT_SERVED", "not there"))
    };
    let args = ["load", "--rate", "20", "--duration", "300ms", "--mix", "order=1"];
    let output = shop().on(ORDERS[0], refuse).madang(&args).await;
    let told = text(&output.stdout);
    assert!(output.status.success(), "an error is a result: {}", text(&output.stderr));
    assert!(told.contains("FAILED_PRECONDITION  REGION_NOT_SERVED         6        6"), "{told}");
    assert!(told.contains("orders: 0 acknowledged; 6 refused"), "{told}");
    let output = shop().on(ORDERS[0], refuse).madang(&[&args[..], &["--fail-on-error"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn all_bad_flags_are_told_at_once() {
    let args =
        "load --rate fast --duration 0s --mix tea=1 --connections 0 --product X --html /no/such/folder/x";
    let output = shop().madang(&args.split(' ').collect::<Vec<_>>()).await;
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for word in
        ["--rate: `fast`", "--mix: `tea=1`", "connections, not 0", "--product: `X`", "--html", "--duration"]
    {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(told.contains("madang load --help"), "{told}");
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_told_with_its_reason() {
    let refuse = |_: ListProductsRequest| -> Result<ListProductsResponse, Status> {
        Err(error::status(Code::Unavailable, error::DATABASE_UNAVAILABLE, "no database"))
    };
    let output = shop().on(CATALOG[0], refuse).madang(&["load"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("UNAVAILABLE DATABASE_UNAVAILABLE"), "{}", text(&output.stderr));
}
