//! What the store promises, on a real database.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::Fresh;
use madang_db::{Db, Error, Kind as Write, params};
use madang_notifications::app::tell;
use madang_notifications::domain::{Change, Kind, Notification, Text};
use madang_notifications::store::Told;
use madang_notifications::{migrations, store};
use madang_types::{CustomerId, OrderId};
use uuid::Uuid;

async fn open(fresh: &Fresh) -> Db {
    fresh.open(migrations()).await
}

fn customer(id: &str) -> CustomerId {
    id.parse().unwrap()
}

/// The n-th notification of a customer, about something that happened at this second.
fn notification(n: u128, to: &str, second: i64) -> Notification {
    let kind = Kind::ALL[usize::try_from(n).unwrap() % Kind::ALL.len()];
    Notification {
        id: Uuid::from_u128(n),
        customer: customer(to),
        order: OrderId::new(Uuid::from_u128(n + 100)),
        kind,
        text: Text { en: format!("'{n}'; --"), ko: "주문이 확정되었습니다.".into() },
        created: Timestamp::from_second(second).unwrap(),
    }
}

async fn told(db: &Db, notification: Notification) -> Change {
    db.write(Write::Cursor, move |tx| tell(tx, &notification)).await.unwrap()
}

async fn list(db: &Db, to: &str, older: Option<(i64, i64)>, limit: i64) -> Result<Vec<Told>, Error> {
    let customer = customer(to);
    db.read(move |tx| store::of_customer(tx, &customer, older, limit)).await
}

async fn after(db: &Db, place: i64) -> Vec<i64> {
    let rows = db.read(move |tx| store::after(tx, place, 100)).await.unwrap();
    rows.into_iter().map(|told| told.place).collect()
}

#[tokio::test]
async fn every_kind_is_read_back_as_it_was_written() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    let written: Vec<_> = (0..5).map(|n| notification(n, "mina", 10 - i64::try_from(n).unwrap())).collect();
    for notification in &written {
        assert_eq!(told(&db, notification.clone()).await, Change::Applied);
    }
    drop(db);
    let db = open(&fresh).await;
    let read: Vec<_> =
        list(&db, "mina", None, 10).await.unwrap().into_iter().map(|told| told.notification).collect();
    assert_eq!(read, written);
}

#[tokio::test]
async fn an_event_is_told_once() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    assert_eq!(told(&db, notification(1, "mina", 10)).await, Change::Applied);
    assert_eq!(told(&db, notification(1, "mina", 10)).await, Change::AlreadyApplied);
    assert_eq!(list(&db, "mina", None, 10).await.unwrap().len(), 1);
    let second = db.write(Write::Cursor, |tx| store::insert(tx, &notification(1, "jun", 10))).await;
    assert!(matches!(second, Ok(false)), "the id is unique: {second:?}");
    assert_eq!(list(&db, "jun", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_customer_reads_their_own_newest_first_and_on_from_where_they_stopped() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    for (n, (to, second)) in (1..).zip([("mina", 20), ("jun", 30), ("mina", 10), ("mina", 20), ("mina", 40)])
    {
        told(&db, notification(n, to, second)).await;
    }
    let ids = |rows: &[Told]| rows.iter().map(|told| told.notification.id.as_u128()).collect::<Vec<_>>();
    let all = list(&db, "mina", None, 10).await.unwrap();
    assert_eq!(ids(&all), [5, 4, 1, 3], "by time, then by the order in which they were told");
    for (index, last) in all.iter().enumerate() {
        let key = (last.notification.created.as_microsecond(), last.place);
        let rest = list(&db, "mina", Some(key), 10).await.unwrap();
        assert_eq!(rest, all[index + 1..]);
    }
    assert_eq!(ids(&list(&db, "mina", None, 2).await.unwrap()), [5, 4]);
    assert_eq!(list(&db, "nobody", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn places_grow_and_a_rolled_back_one_is_not_seen() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    assert_eq!(db.read(store::last_place).await.unwrap(), 0);
    told(&db, notification(1, "mina", 10)).await;
    let failed = db.write(Write::Cursor, |tx| {
        store::insert(tx, &notification(2, "mina", 10))?;
        Err::<(), _>(Error::Closed)
    });
    failed.await.unwrap_err();
    told(&db, notification(3, "jun", 5)).await;
    let places = after(&db, 0).await;
    assert!(places.len() == 2 && places.is_sorted() && places[0] >= 1, "{places:?}");
    assert_eq!(after(&db, places[0]).await, places[1..]);
    assert_eq!(db.read(store::last_place).await.unwrap(), places[1]);
}

#[tokio::test]
async fn a_row_that_is_no_notification_is_an_error_and_no_guess() {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    for (n, sql) in (1..).zip([
        "UPDATE notifications SET customer_id = 'a b' WHERE notification_id = $1",
        "UPDATE notifications SET order_id = $1 || $1 WHERE notification_id = $1",
        "UPDATE notifications SET created_at = 9223372036854775806 WHERE notification_id = $1",
    ]) {
        told(&db, notification(n, "mina", 10)).await;
        db.write(Write::Request, move |tx| tx.execute_one(sql, &params![Uuid::from_u128(n)])).await.unwrap();
        let place = i64::try_from(n).unwrap() - 1;
        let read = db.read(move |tx| store::after(tx, place, 1)).await;
        assert!(matches!(read, Err(Error::Row { .. })), "{sql}: {read:?}");
    }
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(madang_db::testing::slow_to_write(migrations()).is_empty());
}
