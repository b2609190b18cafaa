use madang_api::payments::v1::{PaymentState, RefundPaymentRequest};
use madang_api::types::v1::Money;
use tonic::Code;

use crate::shop::{Shop, bad_fields, id, refused, usd};

fn reason(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn a_part_goes_back_and_then_the_rest() {
    let mut shop = Shop::captured(1).await;
    let partly = shop.refund(1, 7, Some(usd(300))).await.unwrap();
    assert_eq!((partly.state(), partly.refunded), (PaymentState::Captured, Some(usd(300))));
    let whole = shop.refund(1, 8, None).await.unwrap();
    assert_eq!((whole.state(), whole.refunded), (PaymentState::Refunded, Some(usd(1000))));
    assert_eq!((shop.balance("shop").await, shop.balance("customer").await), (0, 0));
}

#[tokio::test]
async fn a_repeat_moves_nothing_and_answers_the_payment_as_it_is_now() {
    let mut shop = Shop::captured(1).await;
    let first = shop.refund(1, 7, Some(usd(300))).await.unwrap();
    assert_eq!(shop.refund(1, 7, Some(usd(300))).await.unwrap(), first);
    let whole = shop.refund(1, 8, None).await.unwrap();
    assert_eq!(shop.refund(1, 7, Some(usd(300))).await.unwrap(), whole);
    assert_eq!(shop.refund(1, 8, None).await.unwrap(), whole);
}

#[tokio::test]
async fn a_request_id_names_one_refund() {
    let mut shop = Shop::captured(1).await;
    shop.authorize(2, "tok_visa").await.unwrap();
    shop.capture(2).await.unwrap();
    shop.refund(1, 7, Some(usd(300))).await.unwrap();
    let reused = reason(Code::AlreadyExists, "REQUEST_ID_REUSED");
    assert_eq!(refused(shop.refund(1, 7, Some(usd(301))).await), reused);
    assert_eq!(refused(shop.refund(1, 7, None).await), reused);
    assert_eq!(refused(shop.refund(2, 7, Some(usd(300))).await), reused);
    assert_eq!(shop.balance("shop").await, 1700);
}

#[tokio::test]
async fn more_than_is_left_does_not_go_back() {
    let mut shop = Shop::captured(1).await;
    let exceeds = reason(Code::FailedPrecondition, "REFUND_EXCEEDS_CAPTURE");
    assert_eq!(refused(shop.refund(1, 7, Some(usd(1001))).await), exceeds);
    shop.refund(1, 8, Some(usd(400))).await.unwrap();
    assert_eq!(refused(shop.refund(1, 9, Some(usd(601))).await), exceeds);
    assert_eq!(refused(shop.refund(1, 10, Some(usd(i64::MAX))).await), exceeds);
    shop.refund(1, 11, Some(usd(600))).await.unwrap();
    assert_eq!(refused(shop.refund(1, 12, Some(usd(1))).await), exceeds);
    assert_eq!(refused(shop.refund(1, 7, Some(usd(1001))).await), exceeds, "a refusal is repeated");
}

#[tokio::test]
async fn all_that_is_left_may_be_nothing() {
    let mut shop = Shop::captured(1).await;
    let whole = shop.refund(1, 7, None).await.unwrap();
    assert_eq!(shop.refund(1, 8, None).await.unwrap(), whole);
}

#[tokio::test]
async fn only_captured_money_goes_back() {
    let mut shop = Shop::open().await;
    assert_eq!(refused(shop.refund(1, 7, None).await), reason(Code::NotFound, "PAYMENT_NOT_FOUND"));
    shop.authorize(1, "tok_visa").await.unwrap();
    shop.authorize(2, "tok_declined").await.unwrap_err();
    shop.void(3).await.unwrap();
    for n in 1..=3 {
        let not = reason(Code::FailedPrecondition, "PAYMENT_NOT_CAPTURED");
        assert_eq!(refused(shop.refund(n, 10 + n, None).await), not);
    }
    assert_eq!(shop.get(1).await.unwrap().state(), PaymentState::Authorized);
}

#[tokio::test]
async fn another_currency_is_a_violation_and_the_request_id_stays_free() {
    let mut shop = Shop::captured(1).await;
    let won = Money { minor_units: 1, currency_code: "KRW".into() };
    let status = shop.refund(1, 7, Some(won)).await.unwrap_err();
    assert_eq!(bad_fields(&status), ["amount.currency_code"]);
    assert_eq!(shop.refund(1, 7, Some(usd(1))).await.unwrap().refunded, Some(usd(1)));
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_written() {
    let mut shop = Shop::captured(1).await;
    let empty = shop.payments.refund_payment(RefundPaymentRequest::default()).await.unwrap_err();
    assert_eq!(bad_fields(&empty), ["request_id", "order_id"]);
    let bad = RefundPaymentRequest {
        request_id: "7".into(),
        order_id: "1".into(),
        amount: Some(Money { minor_units: -1, currency_code: String::new() }),
    };
    let fields = ["request_id", "order_id", "amount.currency_code", "amount.minor_units"];
    assert_eq!(bad_fields(&shop.payments.refund_payment(bad).await.unwrap_err()), fields);
    for units in [0, i64::MIN] {
        let bad = RefundPaymentRequest { request_id: id(7), order_id: id(1), amount: Some(usd(units)) };
        let status = shop.payments.refund_payment(bad).await.unwrap_err();
        assert_eq!(bad_fields(&status), ["amount.minor_units"]);
    }
    assert_eq!(shop.balance("shop").await, 1000);
}
