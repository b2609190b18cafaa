//! A producer's events through NATS, with the feed beside it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use madang_chassis::{Platform, chain};
use madang_types::Ids;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::nats::Nats;
use super::reader::{Reader, Request, Unfit};
use super::wire::Names;
use crate::backoff::Backoff;
use crate::{Batches, Event, Source, SourceError};

/// How long a look at the stream may take.
const OPEN: Duration = Duration::from_secs(5);
/// How long a consumer that starts waits for the stream before it reads the feed.
const START: Duration = Duration::from_secs(3);
/// The first and the longest pause between looks at the stream while the feed is read.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The producer's feed.
    Feed,
    /// The stream at NATS.
    Nats,
}

/// A producer's stream at NATS, and its feed where the stream does not do:
///
/// - The stream is read if its last event is the producer's, it begins at or before the next event, and it has come as far
///   as the consumer has, or is near and moves.
/// - Lost connection, silence for two seconds, dropped messages, a message that is no event, or a producer that has given
///   positions which do not come within two seconds, whatever else comes: the feed is read from there on. In the meantime the
///   stream is looked at again, with pauses from 0.2 to 5 s, and taken up at the position where the feed is then. So a stream
///   that stands still holds a consumer up for two seconds and the time that the feed takes to open, 10 s at most.
/// - Gaps, the last position and alarms come from the feed alone. A producer that is away stops nothing that is in the
///   stream.
#[derive(Clone)]
pub struct NatsSource(Arc<Shared>);

struct Shared {
    nats: Nats,
    names: Names,
    producer: &'static str,
    feed: Arc<dyn Source>,
    ids: Arc<dyn Ids>,
    via: watch::Sender<Via>,
    by_nats: Gauge,
}

impl fmt::Debug for NatsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSource").field("stream", &self.0.names.stream).finish_non_exhaustive()
    }
}

impl NatsSource {
    pub(super) fn new(
        nats: &Nats,
        producer: &'static str,
        feed: Arc<dyn Source>,
        platform: &Platform,
    ) -> Self {
        let help = "Whether a producer's events come from NATS (1) or from its feed (0)";
        let name = ("events_by_nats", &["producer"][..]);
        let by_nats = platform.metrics.register_family(name, help, nats.by_nats.clone());
        Self(Arc::new(Shared {
            nats: nats.clone(),
            names: Names::new(producer),
            producer,
            feed,
            ids: Arc::clone(&platform.ids),
            via: watch::Sender::new(Via::Feed),
            by_nats: by_nats.get_or_create_owned(&[("producer", producer)]),
        }))
    }

    /// What events come from now.
    pub fn via(&self) -> watch::Receiver<Via> {
        self.0.via.subscribe()
    }
}

impl Source for NatsSource {
    fn subscribe(&self, after: i64) -> BoxFuture<'_, Result<Batches, SourceError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.0);
            shared.nats.begun().await;
            let first = shared.look(after, None);
            let from = match tokio::time::timeout(START, first).await {
                Ok(Ok(reader)) => From::Stream(Box::new(reader)),
                Ok(Err(unfit)) => {
                    tracing::debug!(producer = shared.producer, cause = chain(&unfit), "the feed is read");
                    shared.read_feed(after).await?
                }
                Err(_late) => shared.read_feed(after).await?,
            };
            let reading = Reading { after: Arc::new(AtomicI64::new(after)), from, shared };
            reading.tell();
            Ok(stream::unfold(Some(reading), Reading::step).boxed())
        })
    }

    fn read(&self, after: i64) -> BoxFuture<'_, Result<Vec<Event>, SourceError>> {
        self.0.feed.read(after)
    }

    fn last_position(&self) -> BoxFuture<'_, Result<i64, SourceError>> {
        self.0.feed.last_position()
    }
}

impl Shared {
    async fn look(&self, after: i64, seen: Option<i64>) -> Result<Reader, Unfit> {
        Request { nats: &self.nats, names: &self.names, feed: &self.feed, after, seen }.open().await
    }

    async fn read_feed(&self, after: i64) -> Result<From, SourceError> {
        Ok(From::Feed { batches: self.feed.subscribe(after).await?, back: None })
    }

    /// Looks at the stream again and again, until it can be read from where the feed is then.
    async fn come_back(self: Arc<Self>, after: Arc<AtomicI64>) -> Reader {
        let mut backoff = Backoff::new(&self.ids, LOOK);
        let mut seen = None;
        loop {
            backoff.pause().await;
            if !self.nats.is_connected() {
                self.nats.connected().await;
                backoff.reset();
            }
            match tokio::time::timeout(OPEN, self.look(after.load(Ordering::Relaxed), seen)).await {
                Ok(Ok(reader)) => return reader,
                Ok(Err(unfit)) => {
                    if let Unfit::Behind(end) = unfit {
                        seen = Some(end);
                    }
                    let cause = chain(&unfit);
                    tracing::debug!(producer = self.producer, cause, "the feed is read on");
                }
                Err(_late) => {}
            }
        }
    }
}

/// Where a subscription gets its events from.
enum From {
    Stream(Box<Reader>),
    Feed { batches: Batches, back: Option<BoxFuture<'static, Reader>> },
}

/// One subscription.
struct Reading {
    shared: Arc<Shared>,
    /// The last position given.
    after: Arc<AtomicI64>,
    from: From,
}

impl Reading {
    async fn step(reading: Option<Self>) -> Option<(Result<Vec<Event>, SourceError>, Option<Self>)> {
        let mut reading = reading?;
        match reading.next().await? {
            Ok(events) => {
                let last = events.iter().map(|event| event.position).max().unwrap_or_default();
                reading.after.fetch_max(last, Ordering::Relaxed);
                Some((Ok(events), Some(reading)))
            }
            Err(error) => Some((Err(error), None)),
        }
    }

    async fn next(&mut self) -> Option<Result<Vec<Event>, SourceError>> {
        loop {
            let after = self.after.load(Ordering::Relaxed);
            let (shared, place) = (Arc::clone(&self.shared), Arc::clone(&self.after));
            let from = match &mut self.from {
                From::Stream(reader) => match reader.next(after).await {
                    Ok(events) => return Some(Ok(events)),
                    Err(trouble) => {
                        let cause = chain(&trouble);
                        tracing::info!(producer = shared.producer, after, cause, "events come from the feed");
                        match shared.read_feed(after).await {
                            Ok(feed) => feed,
                            Err(error) => return Some(Err(error)),
                        }
                    }
                },
                From::Feed { batches, back } => {
                    let back = back.get_or_insert_with(|| Box::pin(shared.come_back(place)));
                    tokio::select! {
                        batch = batches.next() => return batch,
                        reader = back => {
                            tracing::info!(producer = self.shared.producer, after, "events come from NATS");
                            From::Stream(Box::new(reader))
                        }
                    }
                }
            };
            self.from = from;
            self.tell();
        }
    }

    fn tell(&self) {
        let via = match self.from {
            From::Stream(_) => Via::Nats,
            From::Feed { .. } => Via::Feed,
        };
        self.shared.by_nats.set(i64::from(via == Via::Nats));
        self.shared.via.send_replace(via);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.shared.by_nats.set(0);
        self.shared.via.send_replace(Via::Feed);
    }
}
