//! A producer and a consumer with NATS between them, and a hand on the stream.

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Info;
use async_nats::jetstream::{self, Context};
use madang_chassis::Network;
use madang_events::{FeedSource, NatsSource, OutboxConfig, Source, Transport, TransportArgs, Via};
use std::sync::Arc;
use tokio::sync::watch;

use super::server::Server;
use crate::world::{Consumer, PRODUCER, Producer, Recorder, Store, client, platform, until};

pub(crate) const STREAM: &str = "MADANG_ORDERS";

pub(crate) async fn transport(args: &TransportArgs, network: &Network) -> Transport {
    Transport::connect(args, &platform("payments", network)).await.unwrap()
}

/// A producer that publishes to NATS too.
pub(crate) async fn producer(args: &TransportArgs, network: &Network, store: Store) -> Producer {
    let transport = Transport::connect(args, &platform(PRODUCER, network)).await.unwrap();
    Producer::start_with(network, store, &OutboxConfig { transport, ..OutboxConfig::default() })
}

/// A consumer that reads NATS, and what it reads.
pub(crate) async fn consumer(
    args: &TransportArgs,
    network: &Network,
    store: Store,
) -> (Consumer, watch::Receiver<Via>) {
    let source = source(args, network).await;
    let via = source.via();
    (Consumer::start_on(store, network, source, Recorder::default()), via)
}

pub(crate) async fn source(args: &TransportArgs, network: &Network) -> NatsSource {
    let platform = platform("payments", network);
    let feed: Arc<dyn Source> = Arc::new(FeedSource::new(client(network, PRODUCER), &platform));
    transport(args, network).await.nats_source(PRODUCER, feed, &platform).ok().unwrap()
}

pub(crate) async fn reads(via: &mut watch::Receiver<Via>, expected: Via) {
    let wait = via.wait_for(|via| *via == expected);
    let _seen = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap().unwrap();
}

/// Exactly once, in order.
pub(crate) async fn assert_effects(consumer: &Consumer, last: i64) {
    consumer.reaches(last).await;
    assert!(consumer.effects().await.into_iter().eq(1..=last));
}

/// A test's own connection.
pub(crate) struct Hand(pub(crate) Context);

impl Hand {
    pub(crate) async fn on(server: &Server) -> Self {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(server.url()).await.unwrap();
        let hand = Self(jetstream::new(client));
        until(async || hand.0.query_account().await.is_ok()).await;
        hand
    }

    pub(crate) async fn info(&self) -> Option<Info> {
        Some(self.0.get_stream(STREAM).await.ok()?.cached_info().clone())
    }

    /// Waits until the stream's last message has this position.
    pub(crate) async fn published(&self, position: i64) {
        until(async || self.last().await == Some(position)).await;
    }

    /// The position of the stream's last message.
    pub(crate) async fn last(&self) -> Option<i64> {
        let stream = self.0.get_stream(STREAM).await.ok()?;
        let last = stream.get_last_raw_message_by_subject("madang.orders.>").await.ok()?;
        Some(position(&last.headers))
    }

    /// The positions in the stream, in its order.
    pub(crate) async fn positions(&self) -> Vec<i64> {
        let Ok(stream) = self.0.get_stream(STREAM).await else { return Vec::new() };
        let state = stream.cached_info().state.clone();
        let mut positions = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            if let Ok(message) = stream.get_raw_message(sequence).await {
                positions.push(position(&message.headers));
            }
        }
        positions
    }

    /// Sends the messages at these sequences again, in this order, as a careless publisher would.
    pub(crate) async fn repeat(&self, sequences: &[u64]) {
        let stream = self.0.get_stream(STREAM).await.unwrap();
        for sequence in sequences {
            let message = stream.get_raw_message(*sequence).await.unwrap();
            let mut headers = HeaderMap::new();
            for name in ["Madang-Position", "Madang-Event-Id"] {
                headers.insert(name, message.headers.get(name).unwrap().as_str());
            }
            let sent = self.0.publish_with_headers(message.subject, headers, message.payload).await;
            sent.unwrap().await.unwrap();
        }
    }

    pub(crate) async fn delete(&self, sequences: &[u64]) {
        let stream = self.0.get_stream(STREAM).await.unwrap();
        for sequence in sequences {
            assert!(stream.delete_message(*sequence).await.unwrap());
        }
    }
}

fn position(headers: &HeaderMap) -> i64 {
    headers.get("Madang-Position").map_or(0, |value| value.as_str().parse().unwrap())
}
