//! Two replicas on one database: whatever meets, the ledger balances and each payment has one outcome.

use madang_api::events::v1::PaymentCaptured;
use madang_db::testing::OnPostgres;
use madang_events::Failure;
use madang_payments::app::Error;
use madang_payments::domain::{Payment, Refusal, State};
use tokio::task::JoinSet;

use crate::till::{Till, cancelled, confirmed, order, usd};

type Answer = Result<Payment, Error>;

const ORDERS: i64 = 40;

async fn two(database: &OnPostgres) -> [Till; 2] {
    [Till::replica(database).await, Till::replica(database).await]
}

/// Two for the same order at once, the first of which gives its answer; neither is ever the database's failure.
async fn meet(one: impl Future<Output = Answer>, other: impl Future<Output = Answer>) -> [Answer; 2] {
    let (one, other) = tokio::join!(one, other);
    let answers = [one, other];
    assert!(!answers.iter().any(|answer| matches!(answer, Err(Error::Db(_)))), "{answers:?}");
    answers
}

/// The ledger balances, each payment agrees with its entries, and no transaction was the victim of a deadlock.
async fn audited(database: &OnPostgres, tills: [Till; 2]) {
    let audit = tills[0].app.audit(None, 1_000).await.unwrap();
    assert_eq!(audit.balances.iter().map(|sum| sum.minor_units).sum::<i64>(), 0);
    let wrong: Vec<_> = audit.payments.iter().filter(|(_, agrees)| !agrees).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    drop(tills);
    assert_eq!(database.deadlocks(), 0);
}

/// All orders at once: the pairs of one order meet those of the others as well.
async fn each_order<F: Future<Output = bool> + Send + 'static>(pair: impl Fn(u128) -> F) -> i64 {
    let pairs: JoinSet<bool> = (1..=ORDERS.unsigned_abs().into()).map(pair).collect();
    pairs.join_all().await.into_iter().map(i64::from).sum()
}

#[tokio::test]
async fn an_authorization_and_its_undo_that_meet_hold_nothing() {
    let Some(database) = OnPostgres::create("an_authorization_and_its_undo_that_meet_hold_nothing") else {
        return;
    };
    let tills = two(&database).await;
    let late = each_order(|n| {
        let [one, other] = tills.clone();
        async move {
            let [step, undo] = meet(one.authorize(n, "tok_visa"), other.app.void(order(n))).await;
            assert!(matches!(undo.unwrap().state, State::Voided { .. }));
            match step {
                Ok(_) => false,
                Err(error) => matches!(error, Error::StepUndone) || panic!("{error}"),
            }
        }
    })
    .await;
    for account in ["customer", "held", "shop"] {
        assert_eq!(tills[1].balance(account).await, 0, "{late} of {ORDERS} came after their undo");
    }
    audited(&database, tills).await;
}

#[tokio::test]
async fn an_order_that_is_authorized_on_both_is_held_once() {
    let Some(database) = OnPostgres::create("an_order_that_is_authorized_on_both_is_held_once") else {
        return;
    };
    let tills = two(&database).await;
    each_order(|n| {
        let [one, other] = tills.clone();
        async move {
            let [first, second] = meet(one.authorize(n, "tok_visa"), other.authorize(n, "tok_visa")).await;
            first.unwrap() == second.unwrap() || panic!("they name the same payment")
        }
    })
    .await;
    assert_eq!(tills[0].balance("held").await, 1000 * ORDERS);
    audited(&database, tills).await;
}

#[tokio::test]
async fn of_a_capture_and_a_void_that_meet_one_wins() {
    let Some(database) = OnPostgres::create("of_a_capture_and_a_void_that_meet_one_wins") else { return };
    let tills = two(&database).await;
    let captured = each_order(|n| {
        let [one, other] = tills.clone();
        async move {
            one.authorize(n, "tok_visa").await.unwrap();
            let answers = meet(one.app.capture(order(n)), other.app.void(order(n))).await;
            match answers {
                [Ok(_), Err(Error::Refused(Refusal::Captured))] => true,
                [Err(Error::Refused(Refusal::NotAuthorized)), Ok(_)] => false,
                both => panic!("one wins and the other is refused: {both:?}"),
            }
        }
    })
    .await;
    assert_eq!(tills[0].balance("shop").await, 1000 * captured);
    assert_eq!(tills[0].balance("held").await, 0);
    let published = tills[1].published::<PaymentCaptured>().await.len();
    assert_eq!(i64::try_from(published).unwrap(), captured, "published if and only if captured");
    audited(&database, tills).await;
}

#[tokio::test]
async fn refunds_on_both_never_exceed_what_was_captured() {
    let Some(database) = OnPostgres::create("refunds_on_both_never_exceed_what_was_captured") else { return };
    let tills = two(&database).await;
    tills[0].authorize(1, "tok_visa").await.unwrap();
    tills[0].app.capture(order(1)).await.unwrap();
    let refunded = each_order(|n| {
        let [one, other] = tills.clone();
        async move {
            // The same request on both: it counts once.
            let [first, again] =
                meet(one.refund(1, n, Some(usd(300))), other.refund(1, n, Some(usd(300)))).await;
            assert_eq!(first.is_ok(), again.is_ok(), "{first:?}, {again:?}");
            first.is_ok()
        }
    })
    .await;
    assert_eq!((refunded, tills[1].balance("shop").await), (3, 100));
    audited(&database, tills).await;
}

#[tokio::test]
async fn a_confirmation_and_a_cancellation_that_meet_leave_the_money_with_the_customer() {
    let test = "a_confirmation_and_a_cancellation_that_meet_leave_the_money_with_the_customer";
    let Some(database) = OnPostgres::create(test) else { return };
    let tills = two(&database).await;
    each_order(|n| {
        let [one, other] = tills.clone();
        async move {
            one.authorize(n, "tok_visa").await.unwrap();
            let (confirmation, cancellation) =
                tokio::join!(one.apply(confirmed(n)), other.apply(cancelled(n)));
            cancellation.unwrap();
            let too_late =
                matches!(confirmation, Err(Failure::Permanent { reason: "PAYMENT_OUTSTANDING", .. }));
            assert!(confirmation.is_ok() || too_late, "{confirmation:?}");
            too_late
        }
    })
    .await;
    for account in ["customer", "held", "shop"] {
        assert_eq!(tills[0].balance(account).await, 0);
    }
    audited(&database, tills).await;
}
