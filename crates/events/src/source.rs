use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use madang_api::error;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{GetLastPositionRequest, SubscribeRequest, SubscribeResponse};
use madang_chassis::{Client, NoDeadline, Platform};
use tonic::{Request, Status, Streaming};

use crate::{CURSOR_AHEAD_OF_PRODUCER, CURSOR_BEHIND_RETENTION, Event};

/// How long a producer may take to answer, other than with the next event.
const ANSWER: Duration = Duration::from_secs(10);

/// Events as they come, at most [`BATCH`](crate::BATCH) at a time. What comes may repeat, lack or swap events: the cursor decides.
pub type Batches = BoxStream<'static, Result<Vec<Event>, SourceError>>;

/// Where a consumer gets one producer's events from.
pub trait Source: Send + Sync + 'static {
    /// Reads the events after a position, then each new one.
    fn subscribe(&self, after: i64) -> BoxFuture<'_, Result<Batches, SourceError>>;

    /// Reads the events that follow a position from what is the truth, the producer's feed: to fill a gap.
    fn read(&self, after: i64) -> BoxFuture<'_, Result<Vec<Event>, SourceError>>;

    /// The last position of the producer's log.
    fn last_position(&self) -> BoxFuture<'_, Result<i64, SourceError>>;
}

/// Why a source gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The rows after the cursor were pruned: CURSOR_BEHIND_RETENTION. It does not pass by itself.
    #[error("the events after the cursor are gone: {0}")]
    BehindRetention(String),
    /// The cursor was never given: CURSOR_AHEAD_OF_PRODUCER. Most likely the producer lost data.
    #[error("the cursor is ahead of the producer: {0}")]
    AheadOfProducer(String),
    /// The producer cannot be reached or does not answer; it passes.
    #[error("the producer is unavailable: {0}")]
    Unavailable(String),
    /// What came is no event.
    #[error("the producer sent nonsense: {0}")]
    Malformed(String),
}

impl SourceError {
    /// The name of an error that does not pass.
    pub(crate) fn alarm(&self) -> Option<&'static str> {
        match self {
            Self::BehindRetention(_) => Some(CURSOR_BEHIND_RETENTION),
            Self::AheadOfProducer(_) => Some(CURSOR_AHEAD_OF_PRODUCER),
            Self::Unavailable(_) | Self::Malformed(_) => None,
        }
    }
}

impl From<Status> for SourceError {
    fn from(status: Status) -> Self {
        let text = status.message().to_owned();
        match error::reason(&status).as_deref() {
            Some(CURSOR_BEHIND_RETENTION) => Self::BehindRetention(text),
            Some(CURSOR_AHEAD_OF_PRODUCER) => Self::AheadOfProducer(text),
            _ => Self::Unavailable(format!("{:?}: {text}", status.code())),
        }
    }
}

/// The producer's feed over gRPC. A dead peer is noticed by the client's HTTP/2 keepalive.
#[derive(Clone, Debug)]
pub struct FeedSource {
    client: EventFeedServiceClient<Client>,
    consumer: &'static str,
}

impl FeedSource {
    /// Reads the feed behind `client` in the name of this platform's service.
    pub fn new(client: Client, platform: &Platform) -> Self {
        Self { client: EventFeedServiceClient::new(client), consumer: platform.service.name }
    }

    async fn open(&self, after: i64) -> Result<Streaming<SubscribeResponse>, SourceError> {
        let message = SubscribeRequest { consumer: self.consumer.to_owned(), after_position: after };
        let mut request = Request::new(message);
        request.extensions_mut().insert(NoDeadline);
        let mut client = self.client.clone();
        Ok(within(client.subscribe(request)).await??.into_inner())
    }
}

impl Source for FeedSource {
    fn subscribe(&self, after: i64) -> BoxFuture<'_, Result<Batches, SourceError>> {
        Box::pin(async move { Ok(self.open(after).await?.map(|answer| events(answer?)).boxed()) })
    }

    fn read(&self, after: i64) -> BoxFuture<'_, Result<Vec<Event>, SourceError>> {
        Box::pin(async move {
            let mut stream = self.open(after).await?;
            within(stream.message()).await??.map_or_else(|| Ok(Vec::new()), events)
        })
    }

    fn last_position(&self) -> BoxFuture<'_, Result<i64, SourceError>> {
        let mut client = self.client.clone();
        Box::pin(async move {
            let answer = within(client.get_last_position(GetLastPositionRequest {})).await??;
            Ok(answer.into_inner().position)
        })
    }
}

fn events(answer: SubscribeResponse) -> Result<Vec<Event>, SourceError> {
    let events: Result<Vec<_>, _> = answer.events.into_iter().map(Event::try_from).collect();
    events.map_err(|cause| SourceError::Malformed(cause.to_string()))
}

async fn within<F: Future>(answer: F) -> Result<F::Output, SourceError> {
    let late = |_| SourceError::Unavailable("no answer in time".to_owned());
    tokio::time::timeout(ANSWER, answer).await.map_err(late)
}
