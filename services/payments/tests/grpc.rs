//! Every RPC through the real server, over a network in memory: what it answers, and each reason for which it refuses.
#![cfg(test)]

#[path = "grpc/authorize.rs"]
mod authorize;
#[path = "grpc/ledger.rs"]
mod ledger;
#[path = "grpc/orders.rs"]
mod orders;
#[path = "grpc/refund.rs"]
mod refund;
#[path = "grpc/shop.rs"]
mod shop;

use madang_api::payments::v1::{PaymentState, VoidPaymentRequest};
use tonic::Code;

use shop::{Shop, bad_fields, id, refused};

#[tokio::test]
async fn void_lets_a_held_amount_go_and_repeats_that() {
    let mut shop = Shop::open().await;
    shop.authorize(1, "tok_visa").await.unwrap();
    let voided = shop.void(1).await.unwrap();
    assert_eq!(voided.state(), PaymentState::Voided);
    assert_eq!(voided.amount.as_ref().map(|amount| amount.minor_units), Some(1000));
    assert_eq!(shop.void(1).await.unwrap(), voided);
    assert_eq!(shop.balance("held").await, 0);
}

#[tokio::test]
async fn void_of_nothing_leaves_a_tombstone() {
    let mut shop = Shop::open().await;
    let tombstone = shop.void(1).await.unwrap();
    assert_eq!(tombstone.state(), PaymentState::Voided);
    assert_eq!((&tombstone.amount, &tombstone.refunded), (&None, &None));
    assert_eq!(shop.void(1).await.unwrap(), tombstone);
    assert_eq!(shop.get(1).await.unwrap(), tombstone);
}

#[tokio::test]
async fn void_answers_a_declined_payment_as_it_is() {
    let mut shop = Shop::open().await;
    shop.authorize(1, "tok_declined").await.unwrap_err();
    let declined = shop.void(1).await.unwrap();
    assert_eq!(declined.state(), PaymentState::Declined);
    assert_eq!(declined.decline_reason, "CARD_DECLINED");
}

#[tokio::test]
async fn captured_money_is_not_voided() {
    let mut shop = Shop::captured(1).await;
    let captured = refused(shop.void(1).await);
    assert_eq!(captured, (Code::FailedPrecondition, "PAYMENT_CAPTURED".to_owned()));
    shop.refund(1, 7, None).await.unwrap();
    assert_eq!(refused(shop.void(1).await), captured);
    assert_eq!(shop.get(1).await.unwrap().state(), PaymentState::Refunded);
}

#[tokio::test]
async fn capture_takes_a_held_amount_and_repeats_that() {
    let mut shop = Shop::open().await;
    shop.authorize(1, "tok_visa").await.unwrap();
    let captured = shop.capture(1).await.unwrap();
    assert_eq!(captured.state(), PaymentState::Captured);
    assert_eq!(shop.capture(1).await.unwrap(), captured);
    assert_eq!((shop.balance("held").await, shop.balance("shop").await), (0, 1000));
}

#[tokio::test]
async fn what_is_not_held_is_not_captured() {
    let mut shop = Shop::open().await;
    assert_eq!(refused(shop.capture(1).await), (Code::NotFound, "PAYMENT_NOT_FOUND".to_owned()));
    shop.void(2).await.unwrap();
    shop.authorize(3, "tok_declined").await.unwrap_err();
    for n in 2..=3 {
        let not = (Code::FailedPrecondition, "PAYMENT_NOT_AUTHORIZED".to_owned());
        assert_eq!(refused(shop.capture(n).await), not);
    }
}

#[tokio::test]
async fn get_reads_a_payment_and_does_not_make_one() {
    let mut shop = Shop::open().await;
    assert_eq!(refused(shop.get(1).await), (Code::NotFound, "PAYMENT_NOT_FOUND".to_owned()));
    let authorized = shop.authorize(1, "tok_visa").await.unwrap();
    assert_eq!(shop.get(1).await.unwrap(), authorized);
    assert_eq!(authorized.order_id, id(1));
    assert!(authorized.update_time.is_some());
}

#[tokio::test]
async fn an_order_id_is_required_and_a_uuid() {
    let mut shop = Shop::open().await;
    for bad in ["", "not a UUID", "0198c0de000070008000000000000001"] {
        let order_id = bad.to_owned();
        let void = shop.payments.void_payment(VoidPaymentRequest { order_id: order_id.clone() }).await;
        let capture = madang_api::payments::v1::CapturePaymentRequest { order_id: order_id.clone() };
        let capture = shop.payments.capture_payment(capture).await;
        let get = shop.payments.get_payment(madang_api::payments::v1::GetPaymentRequest { order_id }).await;
        for status in [void.unwrap_err(), capture.unwrap_err(), get.unwrap_err()] {
            assert_eq!(bad_fields(&status), ["order_id"], "{bad}");
        }
    }
    assert_eq!(shop.payments_there().await, 0, "a bad id leaves no tombstone");
}
