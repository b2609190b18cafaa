use std::process::Output;

use madang_api::error;
use madang_api::orders::v1::{
    ListSagasRequest, ListSagasResponse, Order, OrderState, ResumeOrderRequest, ResumeOrderResponse, Saga,
    SagaWait,
};
use madang_api::types::v1::Money;
use serde_json::Value;
use tonic::Code;

use crate::fake::Fake;

const LIST: &str = "/madang.orders.v1.OrdersOperatorService/ListSagas";
const RESUME: &str = "/madang.orders.v1.OrdersOperatorService/ResumeOrder";
const STUCK: &str = "0198c0de-0000-7000-8000-000000000001";
const PENDING: &str = "0198c0de-0000-7000-8000-000000000002";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn saga(order_id: &str, state: OrderState) -> Saga {
    Saga {
        order_id: order_id.into(),
        customer_id: "mina".into(),
        state: state.into(),
        total: Some(Money { minor_units: 2_500, currency_code: "USD".into() }),
        owner: "0198c0de-0000-7000-8000-00000000beef".into(),
        ..Saga::default()
    }
}

/// One that is stuck, and on the next page one that waits for payments.
fn sagas(request: &ListSagasRequest) -> ListSagasResponse {
    if request.page_token.is_empty() {
        let stuck = Saga {
            reason: "CARD_DECLINED".into(),
            stuck_in: OrderState::Rejecting.into(),
            undos: vec!["authorize-payment".into(), "reserve-stock".into()],
            ..saga(STUCK, OrderState::Stuck)
        };
        return ListSagasResponse { sagas: vec![stuck], next_page_token: "2".into() };
    }
    let wait = SagaWait {
        step: "authorize-payment".into(),
        failures: 7,
        cause: "nobody\nlistens".into(),
        ..SagaWait::default()
    };
    let pending = Saga { wait: Some(wait), ..saga(PENDING, OrderState::Pending) };
    ListSagasResponse { sagas: vec![pending], next_page_token: String::new() }
}

fn resumed(request: ResumeOrderRequest, state: OrderState) -> ResumeOrderResponse {
    let order = Order { order_id: request.order_id, state: state.into(), ..Order::default() };
    ResumeOrderResponse { order: Some(order) }
}

#[tokio::test]
async fn sagas_are_told_with_all_that_an_operator_needs() {
    let fake = Fake::default().on(LIST, |request: ListSagasRequest| {
        assert_eq!(request.states, [0; 0], "stuck and open ones");
        Ok(sagas(&request))
    });
    let output = fake.madang(&["sagas", "list"]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let line = |id| told.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{told}"));
    for part in ["STUCK in REJECTING", "CARD_DECLINED", "an operator", "authorize-payment, reserve-stock"] {
        assert!(line(STUCK).contains(part), "{told}");
    }
    for part in
        ["PENDING", "authorize-payment, 7 tries", "nobody listens", "00000000beef", "mina", "25.00 USD"]
    {
        assert!(line(PENDING).contains(part), "{told}");
    }
}

#[tokio::test]
async fn sagas_of_some_states_are_asked_for() {
    for (state, numbers) in [("stuck", vec![7]), ("STUCK", vec![7]), ("open", vec![1, 3, 4]), ("all", vec![])]
    {
        let fake = Fake::default().on(LIST, move |request: ListSagasRequest| {
            assert_eq!(request.states, numbers);
            Ok(ListSagasResponse::default())
        });
        let output = fake.madang(&["sagas", "list", "--state", state]).await;
        assert_eq!(text(&output.stdout), "no sagas\n", "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn sagas_are_json_for_programs() {
    let fake = Fake::default().on(LIST, |request: ListSagasRequest| Ok(sagas(&request)));
    let told = json(&fake.madang(&["sagas", "list", "--output", "json"]).await);
    assert_eq!(told["sagas"][0]["stuckIn"], "ORDER_STATE_REJECTING");
    assert_eq!(told["sagas"][1]["wait"]["failures"], 7);
    let none = Fake::default().on(LIST, |_: ListSagasRequest| Ok(ListSagasResponse::default()));
    assert_eq!(
        json(&none.madang(&["sagas", "list", "--output", "json"]).await)["sagas"],
        Value::Array(vec![])
    );
}

#[tokio::test]
async fn orders_are_resumed_one_by_one_and_one_that_is_refused_ends_with_1() {
    let fake = || {
        Fake::default().on(RESUME, |request: ResumeOrderRequest| match request.order_id.as_str() {
            STUCK => Ok(resumed(request, OrderState::Rejecting)),
            PENDING => Ok(resumed(request, OrderState::Pending)),
            _ => Err(error::status(Code::NotFound, "ORDER_NOT_FOUND", "there is no such order")),
        })
    };
    let output = fake().madang(&["sagas", "resume", STUCK, PENDING]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains(&format!("{STUCK}  REJECTING")) && told.contains(&format!("{PENDING}  PENDING")));

    let args = ["sagas", "resume", "nope", STUCK];
    let output = fake().madang(&args).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.contains("NOT_FOUND ORDER_NOT_FOUND") && told.contains("REJECTING"), "{told}");

    let output = fake().madang(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let told = json(&output);
    assert_eq!(told["orders"][0]["error"]["reason"], "ORDER_NOT_FOUND");
    assert_eq!(told["orders"][1]["order"]["state"], "ORDER_STATE_REJECTING");
}

#[tokio::test]
async fn all_that_are_stuck_are_resumed_and_no_others() {
    let fake = Fake::default()
        .on(LIST, |request: ListSagasRequest| {
            assert_eq!(request.states, [i32::from(OrderState::Stuck)]);
            Ok(ListSagasResponse { sagas: vec![saga(STUCK, OrderState::Stuck)], ..Default::default() })
        })
        .on(RESUME, |request: ResumeOrderRequest| {
            assert_eq!(request.order_id, STUCK);
            Ok(resumed(request, OrderState::Cancelling))
        });
    let output = fake.madang(&["sagas", "resume", "--all"]).await;
    assert!(output.status.success() && text(&output.stdout).contains("CANCELLING"));
    let none = Fake::default().on(LIST, |_: ListSagasRequest| Ok(ListSagasResponse::default()));
    let output = none.madang(&["sagas", "resume", "--all"]).await;
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "no saga is stuck\n");
}
