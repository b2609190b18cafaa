//! Nothing waits for the stream: what stands still there holds up neither the consumers nor, once it passed, the publisher.

use std::time::Duration;

use madang_chassis::Network;
use madang_events::Via;

use super::proxy::Proxy;
use super::server::server_or_skip;
use super::shop::{Hand, assert_effects, consumer, producer, reads};
use crate::world::{Producer, Store, until};

const KEYS: [&str; 5] = ["a", "b", "a", "c", "b"];
/// Two seconds until a consumer doubts a stream, and then the feed; more for a machine that has other work.
const BOUND: Duration = Duration::from_secs(10);

async fn in_time(what: impl Future<Output = ()>) {
    tokio::time::timeout(BOUND, what).await.expect("it is done in time");
}

#[tokio::test]
async fn a_window_whose_answers_were_lost_does_not_hold_up_the_next() {
    let server = server_or_skip!().up();
    let (proxy, network, hand) = (Proxy::before(&server), Network::new(), Hand::on(&server).await);
    let producer = producer(&proxy.args(), &network, Store::threads().await).await;
    producer.publish(&["a"]).await;
    // The answer has come too: without it nothing more would be sent.
    until(async || producer.platform.metrics.text().contains("madang_outbox_published_position 1")).await;
    proxy.lose_answers();
    producer.publish(&vec!["a"; 200]).await;
    hand.published(201).await;
    proxy.cut();
    producer.publish(&vec!["a"; 200]).await;
    in_time(hand.published(401)).await;
    assert!(hand.positions().await.into_iter().eq(1..=401), "each once and in order");
}

#[tokio::test]
async fn a_server_that_is_frozen_holds_up_nothing() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&KEYS).await;
    reads(&mut via, Via::Nats).await;
    assert_effects(&consumer, 5).await;
    server.freeze();
    producer.publish(&KEYS).await;
    in_time(assert_effects(&consumer, 10)).await;
    assert_eq!(*via.borrow(), Via::Feed);
    server.thaw();
    reads(&mut via, Via::Nats).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 15).await;
    Hand::on(&server).await.published(15).await;
}

#[tokio::test]
async fn repeats_without_an_end_do_not_hide_what_is_missing() {
    let server = server_or_skip!().up();
    let (network, hand) = (Network::new(), Hand::on(&server).await);
    let speaking = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    speaking.publish(&KEYS).await;
    reads(&mut via, Via::Nats).await;
    assert_effects(&consumer, 5).await;
    hand.published(5).await;
    // The same log, now without a transport.
    let silent = Producer::start(&network, speaking.stop().await);
    silent.publish(&KEYS).await;
    let repeats = async {
        loop {
            hand.repeat(&[1]).await;
        }
    };
    tokio::select! {
        () = repeats => {}
        () = in_time(assert_effects(&consumer, 10)) => {}
    }
}
