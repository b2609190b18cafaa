//! What is wrong with a request is told all at once, and nothing is written.

use madang_api::orders::v1::{
    AuditOrdersRequest, CancelOrderRequest, GetOrderRequest, ListOrdersRequest, PlaceOrderRequest,
    ResumeOrderRequest, WatchOrderRequest,
};
use madang_api::types::v1::Address;
use tonic::Code;

use crate::participants::Answer::Lost;
use crate::world::{World, fields, line, told, two_cups};

async fn nothing_was_written(world: &mut World) {
    let all = world.operator.audit_orders(AuditOrdersRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.orders, []);
    assert_eq!(world.participants.calls(), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn an_empty_order_names_every_field() {
    let mut world = World::open().await;
    let status = world.place(PlaceOrderRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "customer_id", "lines", "address", "card_token"]);
    nothing_was_written(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn every_bad_field_is_named_with_its_place() {
    let mut world = World::open().await;
    let request = PlaceOrderRequest {
        request_id: "no UUID".into(),
        customer_id: "no good".into(),
        lines: vec![line("tea-cup", 0), line("tea-cup", -1), line("Bad!", i64::MAX)],
        address: Some(Address { region_code: "kr".into(), ..Address::default() }),
        card_token: "x".repeat(129),
    };
    let status = world.place(request).await.unwrap_err();
    let expected = [
        "request_id",
        "customer_id",
        "lines[0].quantity",
        "lines[1].quantity",
        "lines[1].product_id",
        "lines[2].product_id",
        "lines[2].quantity",
        "address.region_code",
        "address.recipient",
        "address.address_lines",
        "card_token",
    ];
    assert_eq!(fields(&status), expected);
    nothing_was_written(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_lines_are_refused() {
    let mut world = World::open().await;
    let lines = (0..1_000).map(|n| line(&format!("cup-{n}"), 1)).collect();
    let status = world.place(PlaceOrderRequest { lines, ..two_cups(1) }).await.unwrap_err();
    assert_eq!(fields(&status), ["lines"]);
    nothing_was_written(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_priced_is_refused_with_the_reason_and_not_written() {
    let mut antarctica = two_cups(1);
    antarctica.address.as_mut().unwrap().region_code = "AQ".into();
    let with = |lines| PlaceOrderRequest { lines, ..two_cups(1) };
    let cases = [
        (with(vec![line("no-such-cup", 1)]), Code::NotFound, "PRODUCT_NOT_FOUND"),
        (with(vec![line("tea-cup", 1), line("won-cup", 1)]), Code::InvalidArgument, "MIXED_CURRENCIES"),
        (with(vec![line("won-cup", 1)]), Code::InvalidArgument, "MIXED_CURRENCIES"),
        (with(vec![line("gold-jar", 3)]), Code::FailedPrecondition, "TOTAL_TOO_LARGE"),
        (with(vec![line("tea-cup", 1_000_000)]), Code::FailedPrecondition, "PARCEL_TOO_HEAVY"),
        (antarctica, Code::FailedPrecondition, "REGION_NOT_SERVED"),
    ];
    let mut world = World::open().await;
    for (request, code, reason) in cases {
        assert_eq!(told(world.place(request).await), (code, reason.into()));
    }
    world.participants.answer("BatchGetProducts", [Lost]);
    assert_eq!(told(world.place(two_cups(1)).await), (Code::Unavailable, "PRICING_UNAVAILABLE".into()));
    nothing_was_written(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_none_are_refused_everywhere() {
    let mut world = World::open().await;
    let bad = || "no UUID".to_owned();
    let status = world.orders.get_order(GetOrderRequest { order_id: bad() }).await.unwrap_err();
    assert_eq!(fields(&status), ["order_id"]);
    let status = world.orders.cancel_order(CancelOrderRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "order_id"]);
    let status = world.orders.watch_order(WatchOrderRequest { order_id: bad() }).await.unwrap_err();
    assert_eq!(fields(&status), ["order_id"]);
    let status = world.orders.list_orders(ListOrdersRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["customer_id"]);
    let status = world.operator.resume_order(ResumeOrderRequest { order_id: bad() }).await.unwrap_err();
    assert_eq!(fields(&status), ["order_id"]);
    let request = AuditOrdersRequest { states: vec![1, 99, 0], ..AuditOrdersRequest::default() };
    let status = world.operator.audit_orders(request).await.unwrap_err();
    assert_eq!(fields(&status), ["states[1]", "states[2]"]);
}

#[tokio::test(start_paused = true)]
async fn a_forged_page_token_or_a_negative_size_is_refused() {
    let mut world = World::open().await;
    let request =
        ListOrdersRequest { customer_id: "mina".into(), page_token: "Zm9yZ2Vk".into(), page_size: 0 };
    let answer = world.orders.list_orders(request).await;
    assert_eq!(told(answer), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".into()));
    let request = AuditOrdersRequest { page_token: "x".into(), ..AuditOrdersRequest::default() };
    let answer = world.operator.audit_orders(request).await;
    assert_eq!(told(answer), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".into()));
    let request =
        ListOrdersRequest { customer_id: "mina".into(), page_size: -1, ..ListOrdersRequest::default() };
    assert_eq!(fields(&world.orders.list_orders(request).await.unwrap_err()), ["page_size"]);
}
