use std::time::Duration;

use madang_api::error;
use madang_api::payments::v1::{AuthorizePaymentRequest, PaymentState};
use madang_api::types::v1::Money;
use tonic::{Code, Request};

use crate::shop::{Shop, authorization, bad_fields, id, refused, usd};

#[tokio::test]
async fn an_amount_is_held_and_a_repeat_answers_the_same() {
    let mut shop = Shop::open().await;
    let held = shop.authorize(1, "tok_visa").await.unwrap();
    assert_eq!((held.order_id.as_str(), held.state()), (id(1).as_str(), PaymentState::Authorized));
    assert_eq!((held.amount.clone(), held.refunded.clone()), (Some(usd(1000)), Some(usd(0))));
    assert_eq!(held.decline_reason, "");
    assert_eq!(shop.authorize(1, "tok_visa").await.unwrap(), held);
    assert_eq!((shop.balance("customer").await, shop.balance("held").await), (-1000, 1000));
}

#[tokio::test]
async fn a_refused_card_is_recorded_and_refused_again() {
    let cards = [
        ("tok_declined", "CARD_DECLINED"),
        ("tok_insufficient_funds", "INSUFFICIENT_FUNDS"),
        ("tok_nobody", "UNKNOWN_CARD"),
    ];
    let mut shop = Shop::open().await;
    for (n, (card, reason)) in (1..).zip(cards) {
        for _ in 0..2 {
            let expected = (Code::FailedPrecondition, reason.to_owned());
            assert_eq!(refused(shop.authorize(n, card).await), expected);
        }
        let declined = shop.get(n).await.unwrap();
        assert_eq!((declined.state(), declined.decline_reason.as_str()), (PaymentState::Declined, reason));
    }
    assert_eq!(shop.balance("held").await, 0);
}

#[tokio::test]
async fn a_refusal_stays_although_a_good_card_comes() {
    let mut shop = Shop::open().await;
    shop.authorize(1, "tok_declined").await.unwrap_err();
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refused(shop.authorize(1, "tok_visa").await), reused);
    assert_eq!(shop.get(1).await.unwrap().state(), PaymentState::Declined);
}

#[tokio::test]
async fn another_amount_or_card_of_the_order_is_refused() {
    let mut shop = Shop::open().await;
    let held = shop.authorize(1, "tok_visa").await.unwrap();
    let won = Money { minor_units: 1000, currency_code: "KRW".into() };
    let others = [
        authorization(1, "tok_slow"),
        AuthorizePaymentRequest { amount: Some(usd(1001)), ..authorization(1, "tok_visa") },
        AuthorizePaymentRequest { amount: Some(won), ..authorization(1, "tok_visa") },
    ];
    for other in others {
        let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
        assert_eq!(refused(shop.authorize_with(other).await), reused);
    }
    assert_eq!(shop.get(1).await.unwrap(), held);
    assert_eq!(shop.balance("held").await, 1000);
}

#[tokio::test]
async fn a_lost_answer_is_no_refusal_and_the_repeat_finds_the_amount_held() {
    let mut shop = Shop::open().await;
    let lost = shop.authorize(1, "tok_lost_answer").await.unwrap_err();
    assert_eq!((lost.code(), error::reason(&lost)), (Code::Unavailable, None));
    assert_eq!(shop.balance("held").await, 1000);
    let held = shop.authorize(1, "tok_lost_answer").await.unwrap();
    assert_eq!(held.state(), PaymentState::Authorized);
    assert_eq!(shop.balance("held").await, 1000);
}

#[tokio::test]
async fn a_slow_card_is_bounded_by_the_callers_deadline() {
    let mut shop = Shop::open().await;
    let mut request = Request::new(authorization(1, "tok_slow"));
    request.set_timeout(Duration::from_millis(50));
    let late = shop.payments.authorize_payment(request).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(refused(shop.get(1).await).0, Code::NotFound);
}

#[tokio::test]
async fn an_authorization_that_comes_after_its_undo_is_refused() {
    let mut shop = Shop::open().await;
    let undone = (Code::FailedPrecondition, "STEP_UNDONE".to_owned());
    shop.void(1).await.unwrap();
    assert_eq!(refused(shop.authorize(1, "tok_visa").await), undone);
    shop.authorize(2, "tok_visa").await.unwrap();
    shop.void(2).await.unwrap();
    assert_eq!(refused(shop.authorize(2, "tok_visa").await), undone);
    assert_eq!(shop.balance("held").await, 0);
}

#[tokio::test]
async fn a_repeat_answers_what_became_of_the_payment() {
    let mut shop = Shop::captured(1).await;
    let captured = shop.authorize(1, "tok_visa").await.unwrap();
    assert_eq!(captured.state(), PaymentState::Captured);
    shop.refund(1, 7, Some(usd(1))).await.unwrap();
    let partly = shop.authorize(1, "tok_visa").await.unwrap();
    assert_eq!((partly.state(), partly.refunded), (PaymentState::Captured, Some(usd(1))));
    // Nothing is left of it, so it must not be taken for money that is held.
    shop.refund(1, 8, None).await.unwrap();
    let undone = (Code::FailedPrecondition, "STEP_UNDONE".to_owned());
    assert_eq!(refused(shop.authorize(1, "tok_visa").await), undone);
}

#[tokio::test]
async fn an_amount_beyond_every_card_is_refused_by_the_bank() {
    let mut shop = Shop::open().await;
    let huge = AuthorizePaymentRequest { amount: Some(usd(i64::MAX)), ..authorization(1, "tok_visa") };
    let expected = (Code::FailedPrecondition, "INSUFFICIENT_FUNDS".to_owned());
    assert_eq!(refused(shop.authorize_with(huge).await), expected);
    assert_eq!(shop.balance("held").await, 0);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nothing_is_written() {
    let mut shop = Shop::open().await;
    let empty = shop.authorize_with(AuthorizePaymentRequest::default()).await.unwrap_err();
    assert_eq!(bad_fields(&empty), ["order_id", "amount", "card_token", "customer_id"]);
    let bad = AuthorizePaymentRequest {
        order_id: "1".into(),
        amount: Some(Money { minor_units: -1, currency_code: "usd".into() }),
        card_token: "tok visa".into(),
        customer_id: "a b".into(),
    };
    let fields = ["order_id", "amount.currency_code", "amount.minor_units", "card_token", "customer_id"];
    let status = shop.authorize_with(bad).await.unwrap_err();
    assert_eq!(bad_fields(&status), fields);
    assert!(!format!("{status:?}").contains("tok visa"), "a token is not told back");
    for units in [0, -1, i64::MIN] {
        let bad = AuthorizePaymentRequest { amount: Some(usd(units)), ..authorization(1, "tok_visa") };
        assert_eq!(bad_fields(&shop.authorize_with(bad).await.unwrap_err()), ["amount.minor_units"]);
    }
    assert_eq!(shop.payments_there().await, 0);
}
