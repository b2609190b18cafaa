use std::time::Duration;

use jiff::SignedDuration;
use madang_api::events::v1::GetLastPositionRequest;
use madang_chassis::Network;
use madang_db::{Kind, Tx, params};
use madang_events::OutboxConfig;

use crate::world::{Producer, Store, feed_client, publish, until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The stamped rows: their positions and keys.
async fn log(producer: &Producer) -> Vec<(i64, String)> {
    let read = |tx: &mut Tx<'_>| {
        let sql =
            "SELECT position, event_key FROM events_outbox WHERE position IS NOT NULL ORDER BY position";
        tx.query(sql, &[])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    };
    producer.store.db.read::<_, madang_db::Error, _>(read).await.unwrap()
}

/// A row that no one in this process announces, as another replica's.
async fn insert_silently(producer: &Producer, key: &'static str) {
    let insert = move |tx: &mut Tx<'_>| {
        tx.execute_one(
            "INSERT INTO events_outbox (seq, event_id, event_key, kind, payload, occurred_at, traceparent)
             VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM events_outbox), $1, $2, 'x', $1, 0, '')",
            &params![vec![0_u8; 16], key],
        )
    };
    producer.store.db.write::<_, madang_db::Error, _>(Kind::Request, insert).await.unwrap();
}

fn never_polls() -> OutboxConfig {
    OutboxConfig { poll: Duration::from_secs(1_000_000), ..OutboxConfig::default() }
}

#[tokio::test]
async fn positions_follow_the_order_of_publishing_without_a_gap() {
    let producer = Producer::start(&Network::new(), Store::threads().await);
    let keys: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for part in [&keys[..1], &keys[1..3], &keys[3..]] {
        producer.publish(part).await;
    }
    producer.stamped(600).await;
    let expected: Vec<_> = (1..).zip(keys.iter().map(ToString::to_string)).collect();
    assert_eq!(log(&producer).await, expected);
}

#[tokio::test]
async fn many_writers_on_threads_leave_no_gap_and_keep_the_order_of_each_key() {
    let producer = Producer::start(&Network::new(), Store::threads().await);
    let keys: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let write = async |key: &String| {
        for _ in 0..40 {
            publish(&producer.store.db, vec![producer.event(key), producer.event(key)]).await;
        }
    };
    futures::future::join_all(keys.iter().map(write)).await;
    producer.stamped(640).await;
    let ids = |tx: &mut Tx<'_>| {
        let sql = "SELECT position, event_key, event_id FROM events_outbox ORDER BY position";
        tx.query(sql, &[])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
    };
    let rows: Vec<(i64, String, uuid::Uuid)> =
        producer.store.db.read::<_, madang_db::Error, _>(ids).await.unwrap();
    assert!(rows.iter().map(|row| row.0).eq(1..=640));
    for key in &keys {
        assert!(rows.iter().filter(|row| row.1 == *key).map(|row| row.2).is_sorted(), "ids grow with time");
    }
}

#[tokio::test]
async fn an_event_of_a_rolled_back_transaction_is_not_published() {
    let producer = Producer::start(&Network::new(), Store::threads().await);
    let event = producer.event("lost");
    let fail = move |tx: &mut Tx<'_>| {
        madang_events::publish(tx, &event)?;
        Err::<(), _>(madang_db::Error::Conflict)
    };
    producer.store.db.write(Kind::Request, fail).await.unwrap_err();
    producer.publish(&["kept"]).await;
    producer.stamped(1).await;
    assert_eq!(log(&producer).await, [(1, "kept".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn publishing_wakes_the_relay_of_this_process() {
    let producer = Producer::start_with(&Network::new(), Store::inline(), &never_polls());
    producer.stamped(0).await;
    let before = tokio::time::Instant::now();
    producer.publish(&["a"]).await;
    producer.stamped(1).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_relay_finds_what_no_one_announced_by_its_poll() {
    let producer = Producer::start(&Network::new(), Store::inline());
    insert_silently(&producer, "a").await;
    let before = tokio::time::Instant::now();
    producer.stamped(1).await;
    assert!(before.elapsed() <= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_log_is_told_with_what_waits() {
    let network = Network::new();
    let producer = Producer::start_with(&network, Store::inline(), &never_polls());
    producer.publish(&["a", "b"]).await;
    producer.stamped(2).await;
    insert_silently(&producer, "c").await;
    let answer =
        feed_client(&network).get_last_position(GetLastPositionRequest {}).await.unwrap().into_inner();
    assert_eq!((answer.position, answer.unstamped), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn positions_go_on_after_all_rows_were_pruned() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let keys = vec!["a"; 300];
    producer.publish(&keys).await;
    producer.stamped(300).await;
    tokio::time::advance(DAY * 7 - Duration::from_secs(120)).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(log(&producer).await.len(), 300, "they stay for seven days");
    tokio::time::advance(DAY).await;
    until(async || log(&producer).await.is_empty()).await;

    let producer = Producer::start(&network, producer.stop().await);
    producer.publish(&["b"]).await;
    producer.stamped(301).await;
    assert_eq!(log(&producer).await, [(301, "b".to_owned())]);
}

#[tokio::test]
async fn what_is_past_its_retention_is_pruned_from_the_start_and_what_is_not_stays() {
    let config = OutboxConfig {
        retention: SignedDuration::from_secs(5),
        prune_every: Duration::from_millis(5),
        ..OutboxConfig::default()
    };
    let producer = Producer::start_with(&Network::new(), Store::threads().await, &config);
    producer.publish(&["old", "old"]).await;
    producer.stamped(2).await;
    // As if they had been stamped a minute ago.
    let age = |tx: &mut Tx<'_>| {
        tx.execute("UPDATE events_outbox SET stamped_at = stamped_at - $1", &params![60_000_000_i64])
    };
    producer.store.db.write::<_, madang_db::Error, _>(Kind::Request, age).await.unwrap();
    producer.publish(&["young"]).await;
    producer.stamped(3).await;
    until(async || log(&producer).await == [(3, "young".to_owned())]).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_stays_seven_days_from_its_stamp_however_old_it_was_then() {
    let producer = Producer::start(&Network::new(), Store::inline());
    insert_silently(&producer, "since 1970").await;
    producer.stamped(1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(log(&producer).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_and_the_position_are_metrics() {
    let producer = Producer::start(&Network::new(), Store::inline());
    producer.publish(&["a", "b"]).await;
    producer.stamped(2).await;
    until(async || producer.platform.metrics.text().contains("madang_outbox_position 2")).await;
    assert!(producer.platform.metrics.text().contains("madang_outbox_unstamped 0"));
}
