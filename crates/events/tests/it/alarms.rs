use std::time::Duration;

use madang_chassis::Network;
use madang_events::{FeedSource, SourceError};
use tokio::time::Instant;

use crate::script::{Script, pauses};
use crate::world::{Consumer, PRODUCER, Producer, Recorder, Store, client, platform, until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn feed(network: &Network) -> FeedSource {
    FeedSource::new(client(network, PRODUCER), &platform("payments", network))
}

#[tokio::test(start_paused = true)]
async fn a_consumer_older_than_the_retention_stops_with_an_alarm() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    producer.publish(&["a", "a"]).await;
    producer.stamped(2).await;
    tokio::time::advance(DAY * 8).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    producer.publish(&["a"]).await;
    producer.stamped(3).await;
    let consumer = Consumer::start(&network, feed(&network), Recorder::default());
    until(async || !consumer.cursor().await.alarm.is_empty()).await;
    let cursor = consumer.cursor().await;
    assert_eq!((cursor.alarm.as_str(), cursor.position), ("CURSOR_BEHIND_RETENTION", 0));
    let stopped = format!("madang_events_consumer_stopped{{producer=\"{PRODUCER}\"}} 1\n");
    until(async || consumer.platform.metrics.text().contains(&stopped)).await;
    assert_eq!(consumer.effects().await, [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_ahead_of_its_producer_stops_with_an_alarm_and_goes_on_when_that_passes() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let consumer = Consumer::start(&network, feed(&network), Recorder::default());
    producer.publish(&["a", "a"]).await;
    consumer.reaches(2).await;
    // The producer comes back with an empty database, and then with the one it had.
    let lost = Producer::start(&network, Store::inline());
    let kept = producer.stop().await;
    until(async || consumer.cursor().await.alarm == "CURSOR_AHEAD_OF_PRODUCER").await;
    let before = Instant::now();
    let producer = Producer::start(&network, kept);
    lost.stop().await;
    producer.publish(&["a"]).await;
    consumer.reaches(3).await;
    assert!(before.elapsed() <= Duration::from_secs(62), "{:?}", before.elapsed());
    assert_eq!(consumer.cursor().await.alarm, "");
    assert_eq!(consumer.effects().await, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_consumer_looks_again_every_30_seconds_and_does_not_spin() {
    let script = Script::new(&["a"]);
    script.refuse(Some(SourceError::BehindRetention));
    let consumer = Consumer::start(&Network::new(), script.clone(), Recorder::default());
    until(async || script.subscribed().len() >= 10).await;
    assert!(pauses(&script.subscribed()).iter().all(|pause| *pause >= Duration::from_secs(30)));
    script.refuse(None);
    consumer.reaches(1).await;
    assert_eq!(consumer.cursor().await.alarm, "");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_lost_its_log_and_grew_past_the_cursor_is_not_taken_for_the_one_that_was_read() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let consumer = Consumer::start(&network, feed(&network), Recorder::default());
    producer.publish(&["a", "a"]).await;
    consumer.reaches(2).await;
    let other = Producer::start(&network, Store::inline());
    // Every test's ids begin alike: these must not be those of the first log.
    (0..5).for_each(|_| drop(other.event("b")));
    other.publish(&["b", "b", "b"]).await;
    other.stamped(3).await;
    let kept = producer.stop().await;
    until(async || consumer.cursor().await.alarm == "CURSOR_AHEAD_OF_PRODUCER").await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!((consumer.cursor().await.position, consumer.effects().await), (2, vec![1, 2]));
    // The right log comes back.
    let producer = Producer::start(&network, kept);
    other.stop().await;
    producer.publish(&["a"]).await;
    consumer.reaches(3).await;
    assert_eq!(consumer.effects().await, [1, 2, 3]);
}
