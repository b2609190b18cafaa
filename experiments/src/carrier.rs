//! A carrier of events that keeps no order, to stand between a producer and one of its consumers.
//!
//! It gathers what comes in a while and hands it on last first, and everything twice. Who reads again what was carried before
//! gets it as it is in the log, as from any log. The log is the producer's, with its positions; or the carrier's own, with
//! positions in the order in which it handed events on: that is what order rests on taken away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::event_feed_service_server::{EventFeedService, EventFeedServiceServer};
use madang_api::events::v1::{
    Event, GetLastPositionRequest, GetLastPositionResponse, SubscribeRequest, SubscribeResponse,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

/// How long events are gathered: longer than a customer takes from one change of an order to the next.
const WHILE: Duration = Duration::from_secs(1);
/// Events in an answer at most.
const BATCH: usize = 256;

/// Who gives events their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positions {
    /// The producer, as they happened.
    Producer,
    /// The carrier, as it hands them on.
    Carrier,
}

/// A carrier, until it is dropped.
#[derive(Debug)]
pub(crate) struct Carrier {
    log: Log,
    url: String,
    _tasks: JoinSet<()>,
}

/// What was carried, in the order in which it was handed on.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Carried>);

#[derive(Debug, Default)]
struct Carried {
    published: Mutex<Vec<Event>>,
    handed_on: Mutex<Vec<Event>>,
    count: watch::Sender<usize>,
}

impl Carrier {
    /// Carries all events of a producer from now on.
    pub(crate) async fn begin(producer: Channel, positions: Positions) -> Result<Self> {
        let request = SubscribeRequest { consumer: "carrier".to_owned(), after_position: 0 };
        let feed = EventFeedServiceClient::new(producer).subscribe(request).await?.into_inner();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (url, log, mut tasks) =
            (format!("http://{}", listener.local_addr()?), Log::default(), JoinSet::new());
        let server = Server::builder().add_service(EventFeedServiceServer::new(log.clone()));
        tasks.spawn(gather(feed, log.clone(), positions));
        tasks.spawn(async move {
            // Its consumers say that they read nothing, where it ends early.
            let _ended = server.serve_with_incoming(TcpIncoming::from(listener)).await.is_ok();
        });
        Ok(Self { log, url, _tasks: tasks })
    }

    /// Where a consumer finds it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All events, as the producer published them.
    pub(crate) fn published(&self) -> Vec<Event> {
        locked(&self.log.0.published).clone()
    }

    /// All events, as they were handed on.
    pub(crate) fn handed_on(&self) -> Vec<Event> {
        locked(&self.log.0.handed_on).clone()
    }
}

/// Takes on what the producer publishes, a while at a time.
async fn gather(mut feed: Streaming<SubscribeResponse>, log: Log, positions: Positions) {
    while let Ok(Some(first)) = feed.message().await {
        let (mut events, end) = (first.events, Instant::now() + WHILE);
        while let Ok(Ok(Some(more))) = timeout_at(end, feed.message()).await {
            events.extend(more.events);
        }
        log.take(events, positions);
    }
}

impl Log {
    fn take(&self, events: Vec<Event>, positions: Positions) {
        locked(&self.0.published).extend(events.iter().cloned());
        let mut handed_on = locked(&self.0.handed_on);
        for mut event in events.into_iter().rev() {
            if positions == Positions::Carrier {
                event.position = i64::try_from(handed_on.len()).unwrap_or(i64::MAX).saturating_add(1);
            }
            handed_on.push(event);
        }
        self.0.count.send_replace(handed_on.len());
    }

    /// What was handed on after a position, in order.
    fn after(&self, position: i64) -> Vec<Event> {
        let handed_on = locked(&self.0.handed_on);
        let mut events: Vec<Event> =
            handed_on.iter().filter(|event| event.position > position).cloned().collect();
        events.sort_by_key(|event| event.position);
        events
    }

    /// What is handed on from now on, as it comes, twice.
    fn live(&self, from: usize) -> impl Stream<Item = SubscribeResponse> + Send + use<> {
        let start = (self.clone(), self.0.count.subscribe(), from);
        let blocks = stream::unfold(start, |(log, mut count, from)| async move {
            let end = *count.wait_for(|count| *count > from).await.ok()?;
            let events = locked(&log.0.handed_on)[from..end].to_vec();
            Some((answers([events.clone(), events].concat()), (log, count, end)))
        });
        blocks.flatten()
    }
}

fn answers(events: Vec<Event>) -> impl Stream<Item = SubscribeResponse> + Send {
    let batches: Vec<_> = events.chunks(BATCH).map(|it| SubscribeResponse { events: it.to_vec() }).collect();
    stream::iter(batches)
}

#[tonic::async_trait]
impl EventFeedService for Log {
    type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let from = *self.0.count.borrow();
        // What comes between the two is handed on twice: no event is missed.
        let known = self.after(request.into_inner().after_position);
        Ok(Response::new(answers(known).chain(self.live(from)).map(Ok).boxed()))
    }

    async fn get_last_position(
        &self,
        _: Request<GetLastPositionRequest>,
    ) -> Result<Response<GetLastPositionResponse>, Status> {
        let position = locked(&self.0.handed_on).iter().map(|event| event.position).max().unwrap_or(0);
        Ok(Response::new(GetLastPositionResponse { position, unstamped: 0 }))
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(position: i64) -> Event {
        Event { position, event_id: format!("event {position}"), ..Event::default() }
    }

    /// Ids in the order of the log, and as they are handed on live.
    async fn carried(positions: Positions) -> (Vec<String>, Vec<String>) {
        let log = Log::default();
        log.take((1..=3).map(published).collect(), positions);
        let ids = |events: Vec<Event>| events.into_iter().map(|event| event.event_id).collect::<Vec<_>>();
        let answer = Box::pin(log.live(0)).next().await.unwrap();
        (ids(log.after(1)), ids(answer.events))
    }

    #[tokio::test]
    async fn it_hands_on_in_reverse_and_twice_and_only_its_own_positions_make_that_the_log() {
        let (log, live) = carried(Positions::Producer).await;
        assert_eq!(log, ["event 2", "event 3"]);
        assert_eq!(live, ["event 3", "event 2", "event 1", "event 3", "event 2", "event 1"]);
        assert_eq!(
            carried(Positions::Carrier).await,
            (vec!["event 2".to_owned(), "event 1".to_owned()], live)
        );
    }
}
