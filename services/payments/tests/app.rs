//! The use cases and the events of orders on a real database, without a network.
#![cfg(test)]

#[path = "app/events.rs"]
mod events;
#[path = "app/histories.rs"]
mod histories;
#[path = "app/replicas.rs"]
mod replicas;
#[path = "app/till.rs"]
mod till;

use std::time::Duration;

use madang_api::payments::v1::AuditLedgerRequest;
use madang_api::payments::v1::payments_service_server::PaymentsService;
use madang_payments::app::Error;
use madang_payments::domain::State;
use madang_payments::grpc::Payments;
use tokio::time::Instant;

use till::{Till, order};

#[tokio::test]
async fn a_slow_card_is_authorized_after_a_second() {
    let till = Till::open().await;
    tokio::time::pause();
    let start = Instant::now();
    let payment = till.authorize(1, "tok_slow").await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(matches!(payment.state, State::Authorized { .. }));
}

#[tokio::test]
async fn a_slow_card_whose_caller_gave_up_leaves_nothing() {
    let till = Till::open().await;
    tokio::time::pause();
    let impatient = tokio::time::timeout(Duration::from_millis(999), till.authorize(1, "tok_slow"));
    impatient.await.unwrap_err();
    assert!(matches!(till.app.payment(order(1)).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn of_many_that_come_at_once_one_holds_the_amount() {
    let till = Till::open().await;
    let one = || till.authorize(1, "tok_visa");
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!(till.balance("held").await, 1000);
}

#[tokio::test]
async fn only_one_of_many_loses_its_answer() {
    let till = Till::open().await;
    let one = || till.authorize(1, "tok_lost_answer");
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    let lost = [a, b, c, d].iter().filter(|answer| matches!(answer, Err(Error::AnswerLost))).count();
    assert_eq!(lost, 1);
    assert_eq!(till.balance("held").await, 1000);
}

#[tokio::test]
async fn the_audit_names_the_payments_whose_entries_disagree() {
    let till = Till::open().await;
    for n in 1..=3 {
        till.authorize(n, "tok_visa").await.unwrap();
    }
    till.lose_a_cent(2).await;
    let payments = Payments(till.app.clone());
    let audit = payments.audit_ledger(tonic::Request::new(AuditLedgerRequest::default())).await;
    let audit = audit.unwrap().into_inner();
    assert_eq!(audit.inconsistent_order_ids, [order(2).to_string()]);
    assert_eq!(audit.payments.len(), 3);
    assert_eq!(till.balance("held").await + till.balance("customer").await, -1);
}
