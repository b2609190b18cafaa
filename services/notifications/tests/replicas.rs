//! Two replicas on one database that are told the same events at once.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::OnPostgres;
use madang_db::{Db, Kind as Write};
use madang_notifications::app::tell;
use madang_notifications::domain::{Change, Kind, Notification, Text};
use madang_notifications::{migrations, store};
use madang_types::OrderId;
use tokio::task::JoinSet;
use uuid::Uuid;

const EVENTS: u128 = 60;

async fn told(db: Db, n: u128) -> Change {
    let notification = Notification {
        id: Uuid::from_u128(n),
        customer: "mina".parse().unwrap(),
        order: OrderId::new(Uuid::from_u128(n)),
        kind: Kind::ALL[0],
        text: Text { en: "Confirmed.".into(), ko: "확정되었습니다.".into() },
        created: Timestamp::UNIX_EPOCH,
    };
    db.write(Write::Cursor, move |tx| tell(tx, &notification)).await.unwrap()
}

/// Who reads on from the last place that it saw, as the watchers' task does, must miss none.
async fn followed(db: Db) -> Vec<Uuid> {
    let (mut place, mut seen) = (0, Vec::new());
    while seen.len() < usize::try_from(EVENTS).unwrap() {
        let rows = db.read(move |tx| store::after(tx, place, 5)).await.unwrap();
        place = rows.last().map_or(place, |told| told.place);
        seen.extend(rows.into_iter().map(|told| told.notification.id));
        tokio::task::yield_now().await;
    }
    seen
}

#[tokio::test]
async fn each_event_is_told_once_and_who_reads_by_places_misses_none() {
    let Some(database) = OnPostgres::create("each_event_is_told_once_and_who_reads_by_places_misses_none")
    else {
        return;
    };
    let replicas = [database.open(migrations()).await, database.open(migrations()).await];
    let mut tells = JoinSet::new();
    for n in 0..EVENTS {
        for db in replicas.clone() {
            tells.spawn(told(db, n));
        }
    }
    let reading = tokio::time::timeout(std::time::Duration::from_secs(30), followed(replicas[0].clone()));
    let (changes, seen) = tokio::join!(tells.join_all(), reading);
    assert_eq!(changes.iter().filter(|change| **change == Change::Applied).count(), 60);
    let mut seen = seen.expect("none is missed");
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..EVENTS).map(Uuid::from_u128)), "each once");
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}
