use std::process::Output;

use madang_api::error;
use madang_api::orders::v1::{
    CancelOrderRequest, CancelOrderResponse, GetOrderRequest, GetOrderResponse, ListOrdersRequest,
    ListOrdersResponse, Order, OrderLine, OrderState, PlaceOrderRequest, PlaceOrderResponse,
    WatchOrderRequest, WatchOrderResponse,
};
use madang_api::types::v1::Money;
use serde_json::Value;
use tonic::{Code, Status};

use crate::fake::Fake;

const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";
const PLACE: &str = "/madang.orders.v1.OrdersService/PlaceOrder";

fn usd(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "USD".into() })
}

fn order(state: OrderState, reason: &str) -> Order {
    let line = OrderLine { product_id: "celadon-tea-cup".into(), quantity: 2, unit_price: usd(1_000) };
    Order {
        order_id: ORDER.into(),
        customer_id: "mina".into(),
        state: state.into(),
        reason: reason.into(),
        lines: vec![line],
        shipping_price: usd(500),
        total: usd(2_500),
        ..Order::default()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn an_order_is_placed_as_it_was_written() {
    let fake = Fake::default().on(PLACE, |request: PlaceOrderRequest| {
        assert_eq!(request.request_id.len(), 36);
        assert_eq!((request.customer_id.as_str(), request.card_token.as_str()), ("mina", "tok_visa"));
        assert_eq!(request.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(request.address.unwrap().region_code, "US");
        Ok(PlaceOrderResponse { order: Some(order(OrderState::Confirmed, "")) })
    });
    let lines = ["--line", "celadon-tea-cup=2", "--line", "nokcha-green-tea"];
    let args = [&["order", "place", "--customer", "mina", "--region", "US"], &lines[..]].concat();
    let output = fake.madang(&args).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains(&format!("order {ORDER} of mina: CONFIRMED")), "{told}");
    assert!(told.contains("total 25.00 USD, 5.00 USD of it shipping"), "{told}");
    assert!(!told.contains('\u{1b}'), "colours are for terminals");
}

#[tokio::test]
async fn a_refused_order_ends_with_1_and_its_reason() {
    let rejected = || PlaceOrderResponse { order: Some(order(OrderState::Rejected, "CARD_DECLINED")) };
    let fake = Fake::default().on(PLACE, move |_: PlaceOrderRequest| Ok(rejected()));
    let output =
        fake.madang(&["order", "place", "--line", "cup", "--card", "tok_declined", "--output", "json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let order = json(&output);
    assert_eq!(
        (&order["state"], &order["reason"]),
        (&"ORDER_STATE_REJECTED".into(), &"CARD_DECLINED".into())
    );
}

#[tokio::test]
async fn an_error_is_told_with_code_and_reason() {
    let refuse = |_: GetOrderRequest| -> Result<GetOrderResponse, Status> {
        Err(error::status(Code::NotFound, "ORDER_NOT_FOUND", "there is no such order"))
    };
    let fake = || Fake::default().on("/madang.orders.v1.OrdersService/GetOrder", refuse);
    let output = fake().madang(&["order", "get", ORDER]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: NOT_FOUND ORDER_NOT_FOUND: there is no such order\n");
    let output = fake().madang(&["order", "get", ORDER, "--output", "json"]).await;
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"]["reason"], "ORDER_NOT_FOUND");
}

#[tokio::test]
async fn a_customers_orders_are_listed() {
    let fake =
        Fake::default().on("/madang.orders.v1.OrdersService/ListOrders", |request: ListOrdersRequest| {
            assert_eq!((request.customer_id.as_str(), request.page_size), ("mina", 3));
            let orders = vec![order(OrderState::Confirmed, ""), order(OrderState::Rejected, "OUT_OF_STOCK")];
            Ok(ListOrdersResponse { orders, ..ListOrdersResponse::default() })
        });
    let output = fake.madang(&["order", "list", "--customer", "mina", "--limit", "3"]).await;
    assert_eq!(text(&output.stderr), "");
    let told = text(&output.stdout);
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.contains("OUT_OF_STOCK"), "{told}");
}

#[tokio::test]
async fn a_long_list_tells_how_to_go_on() {
    let fake = || {
        Fake::default().on("/madang.orders.v1.OrdersService/ListOrders", |request: ListOrdersRequest| {
            let next_page_token = if request.page_token.is_empty() { "second" } else { "" }.to_owned();
            Ok(ListOrdersResponse { orders: vec![order(OrderState::Confirmed, "")], next_page_token })
        })
    };
    let output = fake().madang(&["order", "list"]).await;
    assert_eq!(text(&output.stderr), "there are more: --page-token second\n");
    assert_eq!(
        json(&fake().madang(&["order", "list", "--output", "json"]).await)["next_page_token"],
        "second"
    );
    let output = fake().madang(&["order", "list", "--page-token", "second"]).await;
    assert_eq!((text(&output.stdout).lines().count(), text(&output.stderr).as_str()), (2, ""));
}

#[tokio::test]
async fn each_change_of_a_followed_order_is_a_line() {
    let changes = |request: WatchOrderRequest| {
        assert_eq!(request.order_id, ORDER);
        let states = [OrderState::Pending, OrderState::Confirmed];
        Ok(states.map(|state| WatchOrderResponse { order: Some(order(state, "")) }).into())
    };
    let fake = Fake::default().on_stream("/madang.orders.v1.OrdersService/WatchOrder", changes);
    let output = fake.madang(&["order", "watch", ORDER, "--output", "json"]).await;
    let states: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["state"].clone())
        .collect();
    assert_eq!(states, ["ORDER_STATE_PENDING", "ORDER_STATE_CONFIRMED"]);
}

#[tokio::test]
async fn an_order_is_cancelled() {
    let fake =
        Fake::default().on("/madang.orders.v1.OrdersService/CancelOrder", |request: CancelOrderRequest| {
            assert_eq!((request.order_id.as_str(), request.request_id.as_str()), (ORDER, ORDER));
            Ok(CancelOrderResponse { order: Some(order(OrderState::Cancelled, "CUSTOMER")) })
        });
    let output = fake.madang(&["order", "cancel", ORDER, "--request-id", ORDER]).await;
    assert!(text(&output.stdout).contains("CANCELLED (CUSTOMER)"), "{output:?}");
}
