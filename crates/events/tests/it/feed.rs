use std::time::Duration;

use madang_api::error;
use madang_api::events::v1::{SubscribeRequest, SubscribeResponse};
use madang_chassis::{Network, NoDeadline};
use madang_db::{Kind, Tx};
use madang_events::{GATHER, OutboxConfig};
use tokio::time::Instant;
use tonic::{Code, Request, Status, Streaming};

use crate::world::{Producer, Store, feed_client, until};

async fn subscribe(network: &Network, after: i64) -> Result<Streaming<SubscribeResponse>, Status> {
    subscribe_as(network, "test", after).await
}

async fn subscribe_as(
    network: &Network,
    consumer: &str,
    after_position: i64,
) -> Result<Streaming<SubscribeResponse>, Status> {
    let mut request = Request::new(SubscribeRequest { consumer: consumer.into(), after_position });
    request.extensions_mut().insert(NoDeadline);
    Ok(feed_client(network).subscribe(request).await?.into_inner())
}

async fn positions(stream: &mut Streaming<SubscribeResponse>) -> Vec<i64> {
    let answer = stream.message().await.unwrap().expect("a message");
    answer.events.into_iter().map(|event| event.position).collect()
}

#[tokio::test(start_paused = true)]
async fn the_feed_sends_batches_of_256_in_order_then_new_events_at_once_or_a_few_together() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    producer.publish(&vec!["a"; 600]).await;
    producer.stamped(600).await;
    let mut stream = subscribe(&network, 0).await.unwrap();
    for expected in [1..=256, 257..=512, 513..=600] {
        assert!(positions(&mut stream).await.into_iter().eq(expected));
    }
    tokio::time::sleep(GATHER).await;
    let before = Instant::now();
    producer.publish(&["b"]).await;
    assert_eq!(positions(&mut stream).await, [601]);
    assert_eq!(before.elapsed(), Duration::ZERO, "it was woken, it did not poll");
    producer.publish(&["c"]).await;
    tokio::time::sleep(GATHER / 2).await;
    producer.publish(&["d"]).await;
    assert_eq!(positions(&mut stream).await, [602, 603]);
    assert_eq!(before.elapsed(), GATHER, "one commit for both");
}

#[tokio::test]
async fn an_event_goes_through_the_feed_as_it_was_published() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::threads().await);
    let new = producer.event("a").caused_by("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    crate::world::publish(&producer.store.db, vec![new]).await;
    let event = subscribe(&network, 0).await.unwrap().message().await.unwrap().unwrap().events.remove(0);
    assert_eq!(event.r#type, "madang.events.v1.OrderConfirmed");
    assert_eq!((event.key.as_str(), event.position), ("a", 1));
    assert_eq!(event.occur_time.unwrap().seconds, producer.platform.clock.now().as_second());
    assert!(event.traceparent.starts_with("00-4bf9"));
    assert!(uuid::Uuid::try_parse(&event.event_id).is_ok());
}

#[tokio::test(start_paused = true)]
async fn only_stamped_rows_are_sent() {
    let network = Network::new();
    let config = OutboxConfig { poll: Duration::from_secs(1_000_000), ..OutboxConfig::default() };
    let producer = Producer::start_with(&network, Store::inline(), &config);
    producer.publish(&["a", "b"]).await;
    producer.stamped(2).await;
    let unstamp = |tx: &mut Tx<'_>| {
        tx.execute("UPDATE events_outbox SET position = NULL WHERE position = 2", &[])?;
        tx.execute_one("UPDATE events_relay SET position = 1 WHERE id = 1", &[])
    };
    producer.store.db.write::<_, madang_db::Error, _>(Kind::Request, unstamp).await.unwrap();
    assert_eq!(positions(&mut subscribe(&network, 0).await.unwrap()).await, [1]);
}

#[tokio::test]
async fn large_payloads_are_spread_over_messages() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::threads().await);
    producer.publish(&["a", "b", "c"]).await;
    producer.stamped(3).await;
    let enlarge = |tx: &mut Tx<'_>| {
        let payload = vec![0_u8; 600 * 1024];
        tx.execute("UPDATE events_outbox SET payload = $1", &madang_db::params![payload])
    };
    producer.store.db.write::<_, madang_db::Error, _>(Kind::Request, enlarge).await.unwrap();
    let mut stream = subscribe(&network, 0).await.unwrap();
    for expected in 1..=3 {
        assert_eq!(positions(&mut stream).await, [expected]);
    }
}

#[tokio::test]
async fn a_bad_subscription_is_told_all_that_is_wrong() {
    let network = Network::new();
    let _producer = Producer::start(&network, Store::threads().await);
    for consumer in ["", &"x".repeat(65)] {
        let status = subscribe_as(&network, consumer, -1).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(error::reason(&status).as_deref(), Some("INVALID_REQUEST"));
        let fields: Vec<_> =
            error::violations(&status).into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["consumer", "after_position"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_out_of_range_is_refused_by_name() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    producer.publish(&["a", "b"]).await;
    producer.stamped(2).await;
    let status = subscribe(&network, 3).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(error::reason(&status).as_deref(), Some("CURSOR_AHEAD_OF_PRODUCER"));
    assert_eq!(error::facts(&status)["last_position"], "2");

    tokio::time::advance(Duration::from_secs(8 * 24 * 60 * 60)).await;
    producer.publish(&["c"]).await;
    producer.stamped(3).await;
    let refused = async || subscribe(&network, 1).await.err();
    until(async || refused().await.is_some()).await;
    let status = refused().await.unwrap();
    assert_eq!(status.code(), Code::OutOfRange);
    assert_eq!(error::reason(&status).as_deref(), Some("CURSOR_BEHIND_RETENTION"));
    assert_eq!(error::facts(&status)["pruned_position"], "2");
    assert_eq!(positions(&mut subscribe(&network, 2).await.unwrap()).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_pruned_log_is_open_at_its_end_alone() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    producer.publish(&["a"]).await;
    producer.stamped(1).await;
    tokio::time::advance(Duration::from_secs(8 * 24 * 60 * 60)).await;
    until(async || subscribe(&network, 0).await.is_err()).await;
    assert!(subscribe(&network, 1).await.is_ok());
}

#[tokio::test]
async fn the_feed_has_a_limit_of_readers_and_a_place_is_free_when_one_leaves() {
    let network = Network::new();
    let config = OutboxConfig { subscribers: 1, ..OutboxConfig::default() };
    let _producer = Producer::start_with(&network, Store::threads().await, &config);
    let first = subscribe(&network, 0).await.unwrap();
    let status = subscribe(&network, 0).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(error::reason(&status).as_deref(), Some("OVERLOADED"));
    assert!(error::retry_after(&status).is_some());
    drop(first);
    until(async || subscribe(&network, 0).await.is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn the_feed_ends_with_the_server() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let mut stream = subscribe(&network, 0).await.unwrap();
    let before = Instant::now();
    producer.stop().await;
    // The feed ends cleanly; the server around it may be first, with a reason of its own.
    match stream.message().await {
        Ok(ended) => assert_eq!(ended, None),
        Err(status) => assert_eq!(error::reason(&status).as_deref(), Some("SHUTTING_DOWN")),
    }
    assert!(before.elapsed() < Duration::from_secs(1), "the drain did not have to wait for it");
}
