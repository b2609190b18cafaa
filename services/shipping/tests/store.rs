//! What the store promises, on a real database.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::Fresh;
use madang_db::{Db, Error, Kind, params};
use madang_shipping::domain::{Booking, Shipment, State, TrackingNumber};
use madang_shipping::{migrations, store};
use madang_types::{Address, OrderId};
use uuid::Uuid;

async fn open(fresh: &Fresh) -> Db {
    fresh.open(migrations()).await
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn arranged(n: u128, region: &str) -> Shipment {
    let lines = vec!["서울 중구 세종대로 110".to_owned(), "\"3rd\" floor".to_owned()];
    let address = Address::new(region, String::new(), "미나".to_owned(), lines).unwrap();
    let booking = Booking { customer: "mina".parse().unwrap(), address, weight: 1_250.try_into().unwrap() };
    Shipment::arrange(order(n), booking, TrackingNumber::new(Uuid::from_u128(n)), at(10))
}

async fn insert(db: &Db, shipment: Shipment) -> Result<(), Error> {
    db.write(Kind::OrderPath, move |tx| store::insert(tx, &shipment)).await
}

async fn read(db: &Db, n: u128) -> Result<Option<Shipment>, Error> {
    db.read(move |tx| store::shipment(tx, order(n))).await
}

#[tokio::test]
async fn every_state_is_read_back_as_it_was_written() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    let written = [
        arranged(1, "KR"),
        arranged(2, "KR").depart(at(20)).unwrap().0,
        arranged(3, "KR").cancel(at(20)).unwrap().0,
        Shipment::tombstone(order(4), at(20)),
        arranged(5, "ZZ"),
    ];
    for shipment in &written {
        insert(&db, shipment.clone()).await.unwrap();
    }
    drop(db);
    let db = open(&fresh).await;
    for (n, shipment) in (1..).zip(written) {
        assert_eq!(read(&db, n).await.unwrap(), Some(shipment));
    }
    assert_eq!(read(&db, 6).await.unwrap(), None);
}

#[tokio::test]
async fn an_order_has_one_row() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    insert(&db, arranged(1, "KR")).await.unwrap();
    let second = insert(&db, Shipment::tombstone(order(1), at(20))).await;
    assert!(matches!(second, Err(Error::Conflict)));
    assert_eq!(read(&db, 1).await.unwrap(), Some(arranged(1, "KR")));
}

#[tokio::test]
async fn an_update_with_an_old_version_changes_nothing() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    insert(&db, arranged(1, "KR")).await.unwrap();
    let found = db.write(Kind::Request, |tx| store::shipment_to_change(tx, order(1))).await.unwrap().unwrap();
    let departed = found.with(found.value.clone().depart(at(20)).unwrap().0);
    let cancelled = found.with(found.value.clone().cancel(at(30)).unwrap().0);
    db.write(Kind::FollowUp, move |tx| store::update(tx, &departed)).await.unwrap();
    let late = db.write(Kind::FollowUp, move |tx| store::update(tx, &cancelled)).await;
    assert!(matches!(late, Err(Error::Conflict)));
    let kept = read(&db, 1).await.unwrap().unwrap();
    assert!(matches!(kept.state, State::Departed { .. }), "{kept:?}");
}

#[tokio::test]
async fn a_row_that_is_no_shipment_is_an_error_and_no_guess() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    for (n, column) in (1..).zip([
        "UPDATE shipments SET tracking_number = 'x' WHERE order_id = $1",
        "UPDATE shipments SET address = '{}' WHERE order_id = $1",
        "UPDATE shipments SET weight_grams = 0 WHERE order_id = $1",
        "UPDATE shipments SET customer_id = NULL WHERE order_id = $1",
        "UPDATE shipments SET arranged_at = NULL WHERE order_id = $1",
        "UPDATE shipments SET state = 'DEPARTED' WHERE order_id = $1",
        "UPDATE shipments SET state = 'REFUSED' WHERE order_id = $1",
    ]) {
        insert(&db, arranged(n, "KR")).await.unwrap();
        db.write(Kind::Request, move |tx| tx.execute_one(column, &params![order(n).uuid()])).await.unwrap();
        assert!(matches!(read(&db, n).await, Err(Error::Row { .. })), "{column}");
    }
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(madang_db::testing::slow_to_write(migrations()).is_empty());
}
