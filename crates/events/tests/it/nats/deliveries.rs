use madang_chassis::Network;
use madang_events::{OutboxConfig, Transport, Via};

use super::server::{Server, server_or_skip};
use super::shop::{Hand, assert_effects, consumer, producer, reads};
use crate::world::{PRODUCER, Producer, Store, platform, until};

const KEYS: [&str; 5] = ["a", "b", "a", "c", "b"];

async fn filled(server: &Server, network: &Network, events: usize) -> (Producer, Hand) {
    let hand = Hand::on(server).await;
    let producer = producer(&server.args(), network, Store::threads().await).await;
    producer.publish(&vec!["a"; events]).await;
    hand.published(i64::try_from(events).unwrap()).await;
    (producer, hand)
}

#[tokio::test]
async fn events_go_through_nats_once_and_in_order() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, _hand) = filled(&server, &network, 700).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    reads(&mut via, Via::Nats).await;
    for _ in 0..100 {
        producer.publish(&KEYS).await;
    }
    assert_effects(&consumer, 1200).await;
    assert_eq!(*via.borrow(), Via::Nats);
}

#[tokio::test]
async fn what_is_in_the_stream_flows_without_its_producer() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, _hand) = filled(&server, &network, 300).await;
    producer.stop().await;
    let (consumer, via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_effects(&consumer, 300).await;
    assert_eq!(*via.borrow(), Via::Nats);
}

#[tokio::test]
async fn a_consumer_goes_on_from_its_cursor() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, hand) = filled(&server, &network, 300).await;
    let (before, _via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_effects(&before, 300).await;
    let store = before.stop().await;
    producer.publish(&KEYS).await;
    hand.published(305).await;
    let (after, via) = consumer(&server.args(), &network, store).await;
    assert_effects(&after, 305).await;
    assert_eq!(*via.borrow(), Via::Nats);
}

#[tokio::test]
async fn messages_published_twice_take_effect_once() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, hand) = filled(&server, &network, 20).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    reads(&mut via, Via::Nats).await;
    assert_effects(&consumer, 20).await;
    hand.repeat(&(1..=20).collect::<Vec<_>>()).await;
    hand.repeat(&[3, 3, 7, 1]).await;
    // The publisher is not misled by the old message at the end.
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 25).await;
    hand.published(25).await;
    let positions = hand.positions().await;
    assert_eq!(positions[44..], [21, 22, 23, 24, 25]);
}

#[tokio::test]
async fn swapped_messages_take_effect_in_order() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (_producer, hand) = filled(&server, &network, 10).await;
    // The stream becomes 1 2 3, then 6 4 10 5 8 7 9.
    hand.repeat(&[6, 4, 10, 5, 8, 7, 9, 10]).await;
    hand.delete(&[4, 5, 6, 7, 8, 9, 10]).await;
    assert_eq!(hand.positions().await, [1, 2, 3, 6, 4, 10, 5, 8, 7, 9, 10]);
    let (consumer, _via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_effects(&consumer, 10).await;
}

#[tokio::test]
async fn a_gap_in_the_stream_is_filled_from_the_feed() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, hand) = filled(&server, &network, 900).await;
    hand.delete(&(10..700).collect::<Vec<_>>()).await;
    let (consumer, via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_effects(&consumer, 900).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 905).await;
    assert_eq!(*via.borrow(), Via::Nats);
}

#[tokio::test]
async fn a_consumer_far_behind_the_streams_retention_reads_the_feed_and_then_nats() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, hand) = filled(&server, &network, 600).await;
    hand.0.get_stream("MADANG_ORDERS").await.unwrap().purge().sequence(590).await.unwrap();
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    assert_eq!(*via.borrow(), Via::Feed);
    assert_effects(&consumer, 600).await;
    reads(&mut via, Via::Nats).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 605).await;
    assert_eq!(*via.borrow(), Via::Nats);
}

#[tokio::test]
async fn a_message_that_is_no_event_costs_nothing_but_the_way() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, hand) = filled(&server, &network, 5).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    reads(&mut via, Via::Nats).await;
    hand.0.publish("madang.orders.OrderConfirmed", "nonsense".into()).await.unwrap().await.unwrap();
    reads(&mut via, Via::Feed).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 10).await;
    hand.published(10).await;
}

#[tokio::test]
async fn a_publisher_that_does_not_publish_is_noticed_and_the_feed_read() {
    let server = server_or_skip!().up();
    let network = Network::new();
    let (producer, _hand) = filled(&server, &network, 5).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    reads(&mut via, Via::Nats).await;
    assert_effects(&consumer, 5).await;
    // The same log, now without a transport.
    let silent = Producer::start(&network, producer.stop().await);
    silent.publish(&KEYS).await;
    assert_effects(&consumer, 10).await;
    let store = silent.stop().await;
    let transport = Transport::connect(&server.args(), &platform(PRODUCER, &network)).await.unwrap();
    let config = OutboxConfig { transport, ..OutboxConfig::default() };
    let speaking = Producer::start_with(&network, store, &config);
    reads(&mut via, Via::Nats).await;
    speaking.publish(&KEYS).await;
    assert_effects(&consumer, 15).await;
}

#[tokio::test]
async fn nats_that_comes_later_is_taken_up() {
    let mut server = server_or_skip!();
    let network = Network::new();
    let producer = producer(&server.args(), &network, Store::threads().await).await;
    let (consumer, mut via) = consumer(&server.args(), &network, Store::threads().await).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 5).await;
    assert_eq!(*via.borrow(), Via::Feed);
    server.start();
    reads(&mut via, Via::Nats).await;
    let hand = Hand::on(&server).await;
    hand.published(5).await;
    producer.publish(&KEYS).await;
    assert_effects(&consumer, 10).await;
    until(async || *via.borrow() == Via::Nats).await;
}
