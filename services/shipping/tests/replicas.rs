//! Two replicas on one database: of a parcel's undo and its departure one wins, and a step that comes after its undo is refused.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use std::time::Duration;

use madang_api::events::v1::{PaymentCaptured, ShipmentDeparted};
use madang_chassis::Platform;
use madang_db::testing::OnPostgres;
use madang_db::{Db, Kind, Row, params};
use madang_events::{Event, Failure, Handler, Outcome};
use madang_shipping::app::{App, Error};
use madang_shipping::domain::{Booking, Shipment, State};
use madang_shipping::{PaymentEvents, SERVICE, migrations};
use madang_types::{Address, OrderId};
use prost::{Message, Name};
use tokio::task::JoinSet;
use uuid::Uuid;

const ORDERS: u128 = 40;

#[derive(Clone)]
struct Replica {
    db: Db,
    app: App,
}

impl Replica {
    async fn start(database: &OnPostgres) -> Self {
        let db = database.open(migrations()).await;
        let app = App::new(db.clone(), &Platform::test(SERVICE), Duration::from_secs(30));
        Self { db, app }
    }

    async fn arrange(&self, n: u128) -> Result<Shipment, Error> {
        let address = Address::new("KR", "04524".into(), "미나".into(), vec!["1 Bukchon-ro".into()]).unwrap();
        let booking =
            Booking { customer: "mina".parse().unwrap(), address, weight: 1_250.try_into().unwrap() };
        self.app.arrange(order(n), booking).await
    }

    /// The order's payment was captured.
    async fn depart(&self, n: u128) -> Result<Outcome, Failure> {
        let payload = PaymentCaptured { order_id: order(n).to_string(), amount: None };
        let event = Event {
            id: Uuid::from_u128(n + 1000),
            position: 1,
            key: order(n).to_string(),
            kind: PaymentCaptured::full_name(),
            payload: payload.encode_to_vec().into(),
            occur_time: "2026-01-02T03:04:05Z".parse().unwrap(),
            traceparent: String::new(),
        };
        self.db.write(Kind::Cursor, move |tx| PaymentEvents.apply(tx, &event)).await
    }

    async fn departed(&self) -> usize {
        const SQL: &str = "SELECT event_key FROM events_outbox WHERE kind = $1";
        let rows = self.db.read(|tx| tx.query(SQL, &params![ShipmentDeparted::full_name()]));
        let rows: Vec<Row> = rows.await.unwrap();
        rows.len()
    }
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

/// Runs a pair for each order, all at once; counts those that say yes.
async fn each_order<F: Future<Output = bool> + Send + 'static>(
    replicas: &[Replica; 2],
    pair: impl Fn(u128, [Replica; 2]) -> F,
) -> usize {
    let pairs: JoinSet<bool> = (1..=ORDERS).map(|n| pair(n, replicas.clone())).collect();
    pairs.join_all().await.into_iter().filter(|yes| *yes).count()
}

async fn two(database: &OnPostgres) -> [Replica; 2] {
    [Replica::start(database).await, Replica::start(database).await]
}

/// No transaction was chosen as the victim of a deadlock.
fn no_deadlock(database: &OnPostgres, replicas: [Replica; 2]) {
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}

#[tokio::test]
async fn a_parcel_that_is_arranged_on_both_has_one_tracking_number() {
    let Some(database) = OnPostgres::create("a_parcel_that_is_arranged_on_both_has_one_tracking_number")
    else {
        return;
    };
    let replicas = two(&database).await;
    each_order(&replicas, |n, [one, other]| async move {
        let (first, second) = tokio::join!(one.arrange(n), other.arrange(n));
        first.unwrap() == second.unwrap() || panic!("they name the same parcel")
    })
    .await;
    no_deadlock(&database, replicas);
}

#[tokio::test]
async fn a_step_and_its_undo_that_meet_leave_no_parcel() {
    let Some(database) = OnPostgres::create("a_step_and_its_undo_that_meet_leave_no_parcel") else { return };
    let replicas = two(&database).await;
    each_order(&replicas, |n, [one, other]| async move {
        let (step, undo) = tokio::join!(one.arrange(n), other.app.cancel(order(n)));
        assert!(matches!(undo.unwrap().state, State::Cancelled { .. }));
        assert!(matches!(step, Ok(_) | Err(Error::StepUndone)), "{step:?}");
        let kept = one.app.shipment(order(n)).await.unwrap();
        matches!(kept.state, State::Cancelled { .. }) || panic!("{kept:?}")
    })
    .await;
    no_deadlock(&database, replicas);
}

#[tokio::test]
async fn of_a_departure_and_a_cancellation_that_meet_one_wins() {
    let Some(database) = OnPostgres::create("of_a_departure_and_a_cancellation_that_meet_one_wins") else {
        return;
    };
    let replicas = two(&database).await;
    let departed = each_order(&replicas, |n, [one, other]| async move {
        one.arrange(n).await.unwrap();
        let (departure, cancellation) = tokio::join!(one.depart(n), other.app.cancel(order(n)));
        let kept = other.app.shipment(order(n)).await.unwrap().state;
        match (departure.unwrap(), cancellation, kept) {
            (Outcome::Applied, Err(Error::Departed), State::Departed { .. }) => true,
            (Outcome::AlreadyApplied, Ok(_), State::Cancelled { .. }) => false,
            both => panic!("one wins: {both:?}"),
        }
    })
    .await;
    assert_eq!(replicas[0].departed().await, departed, "published if and only if it departed");
    no_deadlock(&database, replicas);
}
