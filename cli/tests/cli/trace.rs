use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use madang_api::error;
use madang_api::orders::v1::{GetOrderRequest, GetOrderResponse, Order, OrderState};
use madang_spans::testing::bare;
use madang_spans::{Kind, Span, TraceId, json as otlp};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::fake::Fake;

const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";
const GET: &str = "/madang.orders.v1.OrdersService/GetOrder";
const FIND: &str = "/api/v3/traces";
const TRACE: &str = "07070707070707070707070707070707";

fn span(id: u64, parent: Option<u64>, (from, to): (u64, u64)) -> Span {
    const BEGIN: u64 = 1_700_000_000_000_000_000;
    bare(id, parent, (BEGIN + from, BEGIN + to))
}

fn found(spans: &[Span]) -> (u16, Value) {
    (200, json!({ "result": otlp::traces_data(spans) }))
}

fn nothing() -> (u16, Value) {
    (404, json!({ "error": { "httpCode": 404, "message": "No traces found" } }))
}

/// A shop with this order, which came to its state long ago.
fn shop(state: OrderState) -> Fake {
    Fake::default().on(GET, move |request: GetOrderRequest| {
        assert_eq!(request.order_id, ORDER);
        let update_time = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
        let mut order = Order { order_id: ORDER.into(), update_time, ..Order::default() };
        order.set_state(state);
        Ok(GetOrderResponse { order: Some(order) })
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn the_tree_of_an_order_is_told() {
    let shop = shop(OrderState::Confirmed).on_http(FIND, |query| {
        assert_eq!(query, format!("order={ORDER}"));
        found(&[span(1, None, (0, 9_000_000)), span(2, Some(1), (1_000_000, 5_000_000))])
    });
    let output = shop.madang(&["trace", &ORDER.to_uppercase()]).await;
    let tree = told(&output);
    assert!(
        tree.starts_with(&format!(
            "order {ORDER}: CONFIRMED\n\ntrace {TRACE}, began 2023-11-14T22:13:20.000Z\n"
        )),
        "{tree}"
    );
    assert!(tree.contains("◆  1.00 ms  4.00 ms  orders   └ s2\n"), "{tree}");
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn spans_that_come_late_are_waited_for() {
    let asked = AtomicUsize::new(0);
    let shop = Fake::default()
        .on(GET, |_: GetOrderRequest| Err::<GetOrderResponse, _>(Status::unavailable("orders is down")));
    let shop = shop.on_http(FIND, move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => nothing(),
        1 => found(&[span(2, Some(1), (1, 5))]),
        _ => found(&[span(1, None, (0, 9)), span(2, Some(1), (1, 5))]),
    });
    let output = shop.madang(&["trace", ORDER, "--output", "json"]).await;
    let value: Value = serde_json::from_str(&told(&output)).unwrap();
    assert_eq!((&value["complete"], &value["state"]), (&json!(true), &Value::Null));
    assert_eq!(value["traces"][0]["spans"].as_array().unwrap().len(), 2);
    assert!(text(&output.stderr).contains("the order's state is not known: UNAVAILABLE"), "{output:?}");
}

#[tokio::test]
async fn an_order_that_is_under_way_is_told_as_far_as_it_is() {
    let shop = shop(OrderState::Pending).on_http(FIND, |_| found(&[span(2, Some(1), (1, 5))]));
    let output = shop.madang(&["trace", ORDER]).await;
    let tree = told(&output);
    assert!(tree.contains("s2  its parent is under way") && !tree.contains("no parent here"), "{tree}");
    assert!(text(&output.stderr).contains("the order is still under way (PENDING)"), "{output:?}");
}

#[tokio::test]
async fn an_order_that_ends_while_it_is_read_is_told_to_its_end() {
    let asked = AtomicUsize::new(0);
    let shop = Fake::default().on(GET, move |_: GetOrderRequest| {
        let ended = asked.fetch_add(1, Ordering::Relaxed) > 0;
        let mut order = Order { order_id: ORDER.into(), ..Order::default() };
        order.set_state(if ended { OrderState::Confirmed } else { OrderState::Pending });
        Ok(GetOrderResponse { order: Some(order) })
    });
    let looks = AtomicUsize::new(0);
    let shop = shop.on_http(FIND, move |_| match looks.fetch_add(1, Ordering::Relaxed) {
        // Quiet for longer than is waited for an order that is under way.
        0..8 => found(&[span(2, Some(1), (1, 5))]),
        _ => found(&[span(1, None, (0, 9)), span(2, Some(1), (1, 5))]),
    });
    let output = shop.madang(&["trace", ORDER]).await;
    let tree = told(&output);
    assert!(tree.contains("CONFIRMED") && tree.contains("└ s2\n"), "{tree}");
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn a_trace_that_stays_in_pieces_is_told_with_a_remark() {
    let shop = shop(OrderState::Confirmed).on_http(FIND, |_| found(&[span(2, Some(1), (1, 5))]));
    let output = shop.madang(&["trace", ORDER]).await;
    assert!(told(&output).contains("no parent here"));
    assert!(
        text(&output.stderr).contains("this is not all: some spans have a parent that did not come"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_trace_that_was_cut_says_so() {
    let shop = shop(OrderState::Confirmed).on_http(FIND, |_| {
        let (status, mut answer) = found(&[span(1, None, (0, 9))]);
        answer["spansCut"] = json!(7);
        (status, answer)
    });
    let output = shop.madang(&["trace", ORDER]).await;
    assert!(text(&output.stderr).contains("this is not all: 7 spans more were not kept"), "{output:?}");
}

#[tokio::test]
async fn requests_that_only_read_are_left_out_unless_they_are_asked_for() {
    let shop = || {
        shop(OrderState::Confirmed).on_http(FIND, |_| {
            let of = |trace: u8, method: &str| Span {
                trace_id: TraceId::from_bytes(&[trace; 16]).unwrap(),
                kind: Kind::Server,
                name: format!("madang.orders.v1.OrdersService/{method}"),
                ..span(1, None, (0, 9))
            };
            found(&[of(1, "PlaceOrder"), of(2, "GetOrder")])
        })
    };
    let output = shop().madang(&["trace", ORDER]).await;
    assert!(!told(&output).contains("GetOrder"));
    assert!(
        text(&output.stderr).contains("requests that only read the order are left out (1)"),
        "{output:?}"
    );
    assert!(told(&shop().madang(&["trace", ORDER, "--reads"]).await).contains("GetOrder"));
}

#[tokio::test]
async fn a_trace_is_found_by_its_own_id() {
    let shop = Fake::default().on_http("/api/v3/traces/{id}", |_| found(&[span(1, None, (0, 9))]));
    assert!(told(&shop.madang(&["trace", TRACE]).await).starts_with(&format!("\ntrace {TRACE}")));
}

#[tokio::test]
async fn an_unknown_order_is_told_in_the_words_of_orders() {
    let shop = Fake::default().on(GET, |_: GetOrderRequest| {
        let status = error::status(Code::NotFound, "ORDER_NOT_FOUND", "no such order");
        Err::<GetOrderResponse, _>(status)
    });
    let output = shop.madang(&["trace", ORDER]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("NOT_FOUND ORDER_NOT_FOUND: no such order"), "{output:?}");
}

#[tokio::test]
async fn an_order_without_a_trace_is_told_with_what_may_be_the_cause() {
    let shop = shop(OrderState::Confirmed).on_http(FIND, |_| nothing());
    let output = shop.madang(&["trace", ORDER]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("is there (CONFIRMED), but no trace of it in the console")
            && told.contains("--no-traces"),
        "{told}"
    );
}
