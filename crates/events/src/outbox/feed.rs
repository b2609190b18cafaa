use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::{self, BoxStream};
use madang_api::events::v1::event_feed_service_server::EventFeedService;
use madang_api::events::v1::{
    GetLastPositionRequest, GetLastPositionResponse, SubscribeRequest, SubscribeResponse,
};
use madang_api::{Violations, error};
use madang_chassis::Shutdown;
use madang_db::Db;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::{Code, Request, Response, Status};

use super::log::{self, ReadError};
use crate::{CURSOR_AHEAD_OF_PRODUCER, CURSOR_BEHIND_RETENTION, Event, database_status};

/// Characters in the reader's name.
const CONSUMER: std::ops::RangeInclusive<usize> = 1..=64;
/// When to come again after all places were taken.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What all subscribers share.
#[derive(Debug)]
pub(super) struct Shared {
    db: Db,
    last: watch::Receiver<i64>,
    shutdown: Shutdown,
    places: Arc<Semaphore>,
}

impl Shared {
    pub(super) fn new(db: Db, last: watch::Receiver<i64>, shutdown: Shutdown, subscribers: usize) -> Self {
        Self { db, last, shutdown, places: Arc::new(Semaphore::new(subscribers)) }
    }

    async fn read(&self, after: i64) -> Result<Vec<Event>, Status> {
        self.db.read(move |tx| log::after(tx, after)).await.map_err(|error| read_status(&error))
    }
}

/// Serves the log by position. Nothing is sent ahead of the reader: a batch is read when the one before it has gone out.
#[derive(Debug)]
pub struct Feed(Arc<Shared>);

impl Feed {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

#[tonic::async_trait]
impl EventFeedService for Feed {
    type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let SubscribeRequest { consumer, after_position } = request.into_inner();
        check(&consumer, after_position)?;
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return Err(error::retry_later(error::OVERLOADED, "the feed has no place left", RETRY_AFTER));
        };
        // The first batch is read here, so that a position out of range is the call's own error.
        let first = self.0.read(after_position).await?;
        tracing::debug!(consumer, after_position, "a consumer reads the feed");
        let reader = Reader {
            last: self.0.last.clone(),
            feed: Arc::clone(&self.0),
            after: after_position,
            first: Some(first),
            sent: false,
            _place: place,
        };
        Ok(Response::new(Box::pin(reader.stream())))
    }

    async fn get_last_position(
        &self,
        _request: Request<GetLastPositionRequest>,
    ) -> Result<Response<GetLastPositionResponse>, Status> {
        let answer = self.0.db.read(|tx| {
            let unstamped = log::unstamped(tx)?;
            Ok(GetLastPositionResponse { position: log::bounds(tx)?.last, unstamped })
        });
        answer.await.map(Response::new).map_err(|error| database_status(&error))
    }
}

/// One subscriber. It holds its place until the stream is dropped.
struct Reader {
    feed: Arc<Shared>,
    last: watch::Receiver<i64>,
    after: i64,
    first: Option<Vec<Event>>,
    /// Whether a message was given and nothing was read since; it has gone out by then.
    sent: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// Ends with the shutdown, and after an error.
    fn stream(self) -> impl Stream<Item = Result<SubscribeResponse, Status>> + Send {
        stream::unfold(Some(self), async |reader| {
            let mut reader = reader?;
            let next = tokio::select! {
                () = reader.feed.shutdown.clone().begun_owned() => return None,
                next = reader.next() => next,
            };
            match next {
                Ok(events) => {
                    reader.after = events.last().map_or(reader.after, |event| event.position);
                    let events = events.into_iter().map(Into::into).collect();
                    reader.sent = true;
                    madang_crash::point(|| "feed/message/before");
                    Some((Ok(SubscribeResponse { events }), Some(reader)))
                }
                Err(status) => Some((Err(status), None)),
            }
        })
    }

    /// The next events, at least one.
    async fn next(&mut self) -> Result<Vec<Event>, Status> {
        let mut events = self.first.take().unwrap_or_default();
        while events.is_empty() {
            events = self.feed.read(self.after).await?;
            if std::mem::take(&mut self.sent) {
                madang_crash::point(|| "feed/message/after");
            }
            if events.is_empty() {
                // Seen before the next read: the relay tells of a position only after its commit.
                let after = self.after;
                if self.last.wait_for(|last| *last > after).await.is_err() {
                    // The relay ended, so the process does: the shutdown ends this stream.
                    std::future::pending::<()>().await;
                }
            }
        }
        Ok(events)
    }
}

fn check(consumer: &str, after_position: i64) -> Result<(), Status> {
    let mut violations = Violations::default();
    if !CONSUMER.contains(&consumer.chars().count()) {
        violations.add("consumer", "INVALID_VALUE", "must be 1 to 64 characters");
    }
    if after_position < 0 {
        violations.add("after_position", "INVALID_VALUE", "must not be negative");
    }
    violations.all((Some(()),)).map(drop)
}

fn read_status(failed: &ReadError) -> Status {
    match failed {
        ReadError::BehindRetention(pruned) => {
            let facts = [("pruned_position", pruned.to_string())];
            error::status_about(Code::OutOfRange, CURSOR_BEHIND_RETENTION, failed.to_string(), facts)
        }
        ReadError::AheadOfProducer(last) => {
            let facts = [("last_position", last.to_string())];
            error::status_about(Code::OutOfRange, CURSOR_AHEAD_OF_PRODUCER, failed.to_string(), facts)
        }
        ReadError::Db(error) => database_status(error),
    }
}
