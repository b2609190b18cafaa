use madang_api::events::v1::{OrderPlaced, OrderRejected, PaymentCaptured, PaymentOutstanding};
use madang_events::{Event, Failure, Outcome};
use madang_payments::app::Error;
use madang_payments::domain::{Refusal, State};

use crate::till::{Till, cancelled, confirmed, event, order, usd};

#[tokio::test]
async fn a_confirmed_order_is_captured_once() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    assert_eq!(till.apply(confirmed(1)).await.unwrap(), Outcome::Applied);
    assert_eq!(till.apply(confirmed(1)).await.unwrap(), Outcome::AlreadyApplied);
    assert_eq!((till.balance("held").await, till.balance("shop").await), (0, 1000));
    let payload = PaymentCaptured { order_id: order(1).to_string(), amount: Some(usd(1000).into()) };
    assert_eq!(till.published().await, [(order(1).to_string(), payload)]);
    let payment = till.app.payment(order(1)).await.unwrap();
    assert_eq!(payment.updated, confirmed(1).occur_time, "so that applying it again gives the same");
}

#[tokio::test]
async fn a_confirmed_order_that_an_operator_captured_is_captured_already() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    till.app.capture(order(1)).await.unwrap();
    assert_eq!(till.apply(confirmed(1)).await.unwrap(), Outcome::AlreadyApplied);
    assert_eq!(till.published::<PaymentCaptured>().await.len(), 1);
}

#[tokio::test]
async fn a_confirmed_order_without_money_is_outstanding_for_good() {
    let till = Till::open().await;
    till.app.void(order(1)).await.unwrap();
    till.authorize(2, "tok_declined").await.unwrap_err();
    till.authorize(3, "tok_visa").await.unwrap();
    till.app.void(order(3)).await.unwrap();
    // Of order 4 there is nothing at all.
    for n in 1..=4 {
        let failure = till.apply(confirmed(n)).await.unwrap_err();
        assert!(
            matches!(failure, Failure::Permanent { reason: "PAYMENT_OUTSTANDING", .. }),
            "{n}: {failure}"
        );
    }
    assert!(till.published::<PaymentCaptured>().await.is_empty());
    assert!(till.published::<PaymentOutstanding>().await.is_empty());
    till.bury(confirmed(4)).await;
    let payload = PaymentOutstanding { order_id: order(4).to_string(), customer_id: "mina".into() };
    assert_eq!(till.published().await, [(order(4).to_string(), payload)]);
}

#[tokio::test]
async fn only_a_confirmed_order_is_ever_outstanding() {
    let till = Till::open().await;
    till.bury(cancelled(1)).await;
    till.bury(Event { payload: vec![0xff].into(), ..confirmed(2) }).await;
    till.bury(Event { key: "no order".into(), ..confirmed(3) }).await;
    assert!(till.published::<PaymentOutstanding>().await.is_empty());
}

#[tokio::test]
async fn a_cancelled_order_is_voided_once() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    assert_eq!(till.apply(cancelled(1)).await.unwrap(), Outcome::Applied);
    assert_eq!(till.apply(cancelled(1)).await.unwrap(), Outcome::AlreadyApplied);
    let payment = till.app.payment(order(1)).await.unwrap();
    assert!(matches!(payment.state, State::Voided { terms: Some(_) }));
    assert_eq!((till.balance("held").await, till.balance("customer").await), (0, 0));
}

#[tokio::test]
async fn a_cancelled_order_gets_back_what_is_left_of_its_capture() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    till.apply(confirmed(1)).await.unwrap();
    till.refund(1, 7, Some(usd(300))).await.unwrap();
    assert_eq!(till.apply(cancelled(1)).await.unwrap(), Outcome::Applied);
    assert_eq!(till.apply(cancelled(1)).await.unwrap(), Outcome::AlreadyApplied);
    let payment = till.app.payment(order(1)).await.unwrap();
    assert!(matches!(payment.state, State::Refunded { .. }));
    assert_eq!((till.balance("shop").await, till.balance("customer").await), (0, 0));
    // A confirmation that comes again after all is over takes nothing.
    assert_eq!(till.apply(confirmed(1)).await.unwrap(), Outcome::AlreadyApplied);
    assert!(matches!(till.authorize(1, "tok_visa").await, Err(Error::StepUndone)));
}

#[tokio::test]
async fn a_cancelled_order_without_money_is_undone_already() {
    let till = Till::open().await;
    till.authorize(1, "tok_declined").await.unwrap_err();
    till.app.void(order(2)).await.unwrap();
    for n in 1..=2 {
        assert_eq!(till.apply(cancelled(n)).await.unwrap(), Outcome::AlreadyApplied);
    }
}

#[tokio::test]
async fn an_authorization_that_comes_after_the_cancel_is_refused() {
    let till = Till::open().await;
    assert_eq!(till.apply(cancelled(1)).await.unwrap(), Outcome::AlreadyApplied);
    assert!(matches!(till.authorize(1, "tok_visa").await, Err(Error::StepUndone)));
    assert_eq!(till.balance("held").await, 0);
}

#[tokio::test]
async fn other_events_of_orders_are_ignored() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    for event in [event(1, &OrderPlaced::default()), event(1, &OrderRejected::default())] {
        assert_eq!(till.apply(event).await.unwrap(), Outcome::Ignored);
    }
    assert_eq!(till.balance("held").await, 1000);
}

#[tokio::test]
async fn an_event_without_an_order_fails_for_good() {
    let till = Till::open().await;
    for event in [confirmed(1), cancelled(1)] {
        let failure = till.apply(Event { key: "no order".into(), ..event }).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { reason: "EVENT_UNREADABLE", .. }), "{failure}");
    }
}

#[tokio::test]
async fn a_refused_refund_stays_refused_when_the_money_comes() {
    let till = Till::open().await;
    till.authorize(1, "tok_visa").await.unwrap();
    let refused = |answer| matches!(answer, Err(Error::Refused(Refusal::NotCaptured)));
    assert!(refused(till.refund(1, 7, None).await));
    till.apply(confirmed(1)).await.unwrap();
    assert!(refused(till.refund(1, 7, None).await), "its sender was told that no money moved");
    assert_eq!(till.balance("shop").await, 1000);
    assert!(till.refund(1, 8, None).await.is_ok());
}
