use futures::StreamExt;
use madang_chassis::Network;
use madang_events::{FeedSource, NewEvent, Outbox, OutboxConfig, Transport, TransportArgs};

use super::server::server_or_skip;
use super::shop::{Hand, assert_effects, consumer, producer};
use crate::world::{Producer, Store, until};

const KEYS: [&str; 5] = ["a", "b", "a", "c", "b"];

#[tokio::test]
async fn the_stream_gets_every_event_in_order_with_position_and_trace() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let traced = producer.event("a").caused_by("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    crate::world::publish(&producer.store.db, vec![traced]).await;
    producer.publish(&vec!["a"; 600]).await;
    hand.published(601).await;
    assert!(hand.positions().await.into_iter().eq(1..=601));
    let info = hand.info().await.unwrap();
    assert_eq!(info.config.subjects, ["madang.orders.>"]);
    assert_eq!(info.config.max_age.as_secs(), 7 * 24 * 3600);
    let first = hand.0.get_stream("MADANG_ORDERS").await.unwrap().get_raw_message(1).await.unwrap();
    assert_eq!(first.subject.as_str(), "madang.orders.OrderConfirmed");
    let header = |name: &str| first.headers.get(name).unwrap().as_str().to_owned();
    assert_eq!(header("Nats-Msg-Id"), "orders:1");
    assert_eq!(header("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    until(async || producer.platform.metrics.text().contains("madang_outbox_published_position 601")).await;
    assert!(producer.platform.metrics.text().contains("madang_outbox_publisher_lag 0"));
}

#[tokio::test]
async fn how_far_and_how_long_the_publisher_is_behind_is_told_while_nats_is_away() {
    let mut server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&["a"]).await;
    hand.published(1).await;
    let told = async |line: &str| producer.platform.metrics.text().lines().any(|told| told == line);
    until(async || told("madang_outbox_publisher_lag_age_seconds 0.0").await).await;
    server.kill();
    producer.publish(&["a", "b"]).await;
    until(async || told("madang_outbox_publisher_lag 2.0").await).await;
    until(async || !told("madang_outbox_publisher_lag_age_seconds 0.0").await).await;
    server.start();
    until(async || told("madang_outbox_publisher_lag 0.0").await).await;
    until(async || told("madang_outbox_publisher_lag_age_seconds 0.0").await).await;
}

#[tokio::test]
async fn a_publisher_that_is_killed_in_the_middle_goes_on_without_a_repeat() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let mut store = Store::threads().await;
    for round in 1..=5 {
        let producer = producer(&server.args(), &network, store).await;
        producer.publish(&vec!["a"; 400]).await;
        // Somewhere in the middle: as soon as anything of this round is there.
        let messages = async || hand.info().await.map_or(0, |info| info.state.messages);
        until(async || messages().await > (round - 1) * 400).await;
        store = producer.stop().await;
    }
    let _producer = producer(&server.args(), &network, store).await;
    hand.published(2000).await;
    assert!(hand.positions().await.into_iter().eq(1..=2000), "each once and in order");
}

#[tokio::test]
async fn two_publishers_of_one_log_keep_one_order() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let one = producer(&server.args(), &network, Store::threads().await).await;
    // A second replica: the same database, a platform of its own.
    let platform = crate::world::platform("orders", &Network::new());
    let transport = madang_events::Transport::connect(&server.args(), &platform).await.unwrap();
    let config = madang_events::OutboxConfig { transport, ..madang_events::OutboxConfig::default() };
    let _other = madang_events::Outbox::start(&one.store.db, &platform, &config);
    for _ in 0..40 {
        one.publish(&KEYS).await;
    }
    hand.published(200).await;
    assert!(hand.positions().await.into_iter().eq(1..=200));
}

#[tokio::test]
async fn a_stream_that_was_emptied_is_not_filled_again_and_one_that_was_deleted_is() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&KEYS).await;
    hand.published(5).await;
    // The place is kept a second later, or at the end: here at the end.
    let store = producer.stop().await;
    hand.0.get_stream("MADANG_ORDERS").await.unwrap().purge().await.unwrap();
    let again = super::shop::producer(&server.args(), &network, store).await;
    again.publish(&["a"]).await;
    hand.published(6).await;
    assert_eq!(hand.positions().await, [6]);
    hand.0.delete_stream("MADANG_ORDERS").await.unwrap();
    again.publish(&["a"]).await;
    hand.published(7).await;
    assert_eq!(hand.positions().await, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_log_that_is_behind_its_stream_alarms_and_publishes_nothing() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let before = producer(&server.args(), &network, Store::threads().await).await;
    before.publish(&KEYS).await;
    hand.published(5).await;
    drop(before.stop().await);
    // As after a restore from a backup of before the first event.
    let restored = producer(&server.args(), &network, Store::threads().await).await;
    let alarm = |name: &str| format!("madang_outbox_publisher_alarm{{alarm=\"{name}\"}} 1");
    until(async || restored.platform.metrics.text().contains(&alarm("STREAM_AHEAD_OF_PRODUCER"))).await;
    // Test ids are the same for all: other events need other ones.
    assert!((0..1000).all(|_| !restored.platform.ids.uuid().is_nil()));
    restored.publish(&["z"; 8]).await;
    until(async || restored.platform.metrics.text().contains(&alarm("STREAM_OF_ANOTHER_LOG"))).await;
    assert_eq!(hand.positions().await, [1, 2, 3, 4, 5]);
    // The consumer does not take the old events for the producer's either.
    let (consumer, mut via) =
        consumer(&server.args(), &Network::clone(&network), Store::threads().await).await;
    assert_effects(&consumer, 8).await;
    assert!(crate::world::effects(&consumer.store.db).await.iter().all(|(_, key)| key == "z"));
    assert_eq!(*via.borrow(), madang_events::Via::Feed);
    assert!(!restored.platform.metrics.text().contains(&alarm("STREAM_AHEAD_OF_PRODUCER")), "it is over");
    // What the alarm asks for; it then clears by itself.
    hand.0.delete_stream("MADANG_ORDERS").await.unwrap();
    hand.published(8).await;
    until(async || !restored.platform.metrics.text().contains("madang_outbox_publisher_alarm{")).await;
    super::shop::reads(&mut via, madang_events::Via::Nats).await;
}

#[tokio::test]
async fn an_event_larger_than_nats_takes_goes_by_the_feed() {
    let server = server_or_skip!();
    let config = server.folder().join("small.conf");
    std::fs::write(&config, "max_payload: 4096").unwrap();
    let server = server.with(&["-c", Box::leak(config.display().to_string().into_boxed_str())]).up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&["a"]).await;
    hand.published(1).await;
    super::shop::reads(&mut via, madang_events::Via::Nats).await;
    producer.publish(&[&"k".repeat(10_000)]).await;
    assert_effects(&consumer, 2).await;
    producer.publish(&["a"]).await;
    assert_effects(&consumer, 3).await;
    hand.published(3).await;
}

#[tokio::test]
async fn nats_that_is_away_stops_neither_transactions_nor_relay_nor_the_start() {
    let server = server_or_skip!();
    let network = Network::new();
    let producer: Producer = producer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&KEYS).await;
    producer.stamped(5).await;
    let (consumer, _via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_effects(&consumer, 5).await;
}

#[tokio::test]
async fn a_stream_that_may_not_be_made_is_told_and_events_go_by_the_feed() {
    let server = server_or_skip!();
    let rules = r#"authorization { users: [ { user: mina, password: secret, permissions: {
        publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } } ] }"#;
    let (config, password) = (server.folder().join("rules.conf"), server.folder().join("password"));
    std::fs::write(&config, rules).unwrap();
    std::fs::write(&password, "secret\n").unwrap();
    let args =
        TransportArgs { nats_user: Some("mina".into()), nats_password_file: Some(password), ..server.args() };
    let _server = server.with(&["-c", Box::leak(config.display().to_string().into_boxed_str())]).up();
    let network = Network::new();
    let producer = producer(&args, &network, Store::threads().await).await;
    let (consumer, via) = consumer(&args, &network, Store::threads().await).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 5).await;
    assert_eq!(*via.borrow(), madang_events::Via::Feed);
}

#[tokio::test]
async fn a_file_of_the_settings_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let no_certificate = folder.path().join("ca.pem");
    std::fs::write(&no_certificate, "secret").unwrap();
    let url = vec!["nats://127.0.0.1:1".parse().unwrap()];
    let base = TransportArgs { nats_url: url, ..TransportArgs::default() };
    let missing = Some(folder.path().join("missing"));
    let cases = [
        ("--nats-ca", TransportArgs { nats_ca: Some(no_certificate), ..base.clone() }),
        ("--nats-credentials", TransportArgs { nats_credentials: missing.clone(), ..base.clone() }),
        (
            "--nats-password-file",
            TransportArgs { nats_user: Some("mina".into()), nats_password_file: missing, ..base },
        ),
    ];
    for (setting, args) in cases {
        let platform = crate::world::platform("orders", &Network::new());
        let error = madang_events::Transport::connect(&args, &platform).await.unwrap_err().to_string();
        assert!(error.starts_with(setting) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn the_server_that_is_given_carries_events() {
    let Some(url) = super::server::given() else {
        return super::server::skipped("MADANG_TEST_NATS is no URL");
    };
    let args = TransportArgs { nats_url: vec![url.parse().unwrap()], ..TransportArgs::default() };
    let name: &'static str = Box::leak(format!("events-{}", std::process::id()).into_boxed_str());
    let (platform, store) = (crate::world::platform(name, &Network::new()), Store::threads().await);
    let transport = Transport::connect(&args, &platform).await.unwrap();
    let config = OutboxConfig { transport: transport.clone(), ..OutboxConfig::default() };
    let _outbox = Outbox::start(&store.db, &platform, &config);
    let payload = madang_api::events::v1::OrderConfirmed::default();
    let event = |_| NewEvent::new(platform.ids.uuid(), "a", platform.clock.now(), &payload);
    crate::world::publish(&store.db, (0..300).map(event).collect()).await;
    until(async || platform.metrics.text().contains("madang_outbox_published_position 300")).await;
    // Nobody answers at this feed.
    let feed = FeedSource::new(crate::world::client(&Network::new(), "nobody"), &platform);
    let mut batches = transport.source(name, feed, &platform).subscribe(0).await.unwrap();
    let mut positions = Vec::new();
    while positions.len() < 300 {
        positions.extend(batches.next().await.unwrap().unwrap().iter().map(|event| event.position));
    }
    assert!(positions.into_iter().eq(1..=300));
    let stream = format!("MADANG_{}", name.to_uppercase());
    let client = async_nats::connect(url).await.unwrap();
    assert!(async_nats::jetstream::new(client).delete_stream(stream).await.unwrap().success);
}
