//! The stream read as a log: in order, without acknowledgements, from a position on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::push::{Config, Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{Info, Stream};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::StreamExt;

use super::nats::Nats;
use super::stream::{self, Entry, StreamError};
use super::wire::{self, Names};
use crate::{BATCH, Event, Source, SourceError};

/// How often the server says that it has nothing; twice of silence is trouble.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long without a new event until the producer is asked whether there should be one.
const IDLE: Duration = Duration::from_secs(1);
/// How long the producer may take to say whether the stream is its own.
const ASK: Duration = Duration::from_secs(1);
/// How long the server keeps a reader that went away.
const FORGET: Duration = Duration::from_secs(10);
/// So far may a reader be ahead of a stream that is seen to move.
const NEAR: i64 = 1024;

/// Why the stream cannot be read from a position.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("NATS is away")]
    Away,
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the stream begins after what is to be read next")]
    TooYoung,
    /// With the stream's last position.
    #[error("the stream ends at {0}, before what was read last")]
    Behind(i64),
    #[error("the stream's last event is not the producer's")]
    OfAnotherLog,
}

/// Why the reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the connection to NATS is lost")]
    Lost,
    #[error("the stream fell silent: {0}")]
    Silent(String),
    #[error("messages were dropped on their way")]
    Dropped,
    #[error("a message that is no event")]
    Malformed,
    #[error("the producer has given positions that do not come")]
    Behind,
    #[error("the producer's log ends before what was read")]
    Ahead,
}

/// One reading.
pub(super) struct Reader {
    messages: Messages,
    lost: BoxFuture<'static, ()>,
    feed: Arc<dyn Source>,
    /// The reader's count of the last message.
    count: u64,
    /// Found after the events that were given last.
    trouble: Option<Trouble>,
    /// Whether the producer was seen to be ahead and nothing new came since.
    suspect: bool,
}

/// Where to look, and what was seen there before.
pub(super) struct Request<'a> {
    pub(super) nats: &'a Nats,
    pub(super) names: &'a Names,
    pub(super) feed: &'a Arc<dyn Source>,
    /// The last position read.
    pub(super) after: i64,
    /// The stream's last position when it was looked at before.
    pub(super) seen: Option<i64>,
}

impl Request<'_> {
    /// Opens the stream if it is the producer's and holds what comes next.
    pub(super) async fn open(self) -> Result<Reader, Unfit> {
        if !self.nats.is_connected() {
            return Err(Unfit::Away);
        }
        let lost = self.nats.lost().boxed();
        let stream = stream::find(self.nats, self.names).await?;
        let start = self.start(&stream).await?;
        let config = Config {
            deliver_subject: self.nats.client().new_inbox(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: start },
            ack_policy: AckPolicy::None,
            flow_control: true,
            idle_heartbeat: HEARTBEAT,
            inactive_threshold: FORGET,
            memory_storage: true,
            num_replicas: 1,
            ..Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| stream::request(&error))?;
        let messages = consumer.messages().await.map_err(|error| stream::request(&error))?;
        let feed = Arc::clone(self.feed);
        Ok(Reader { messages, lost, feed, count: 0, trouble: None, suspect: false })
    }

    /// The sequence to start at. It is counted back from the stream's end, one message for each position: where that is
    /// wrong it gives duplicates, which are skipped, or a gap, which is filled from the feed.
    async fn start(&self, stream: &Stream<Info>) -> Result<u64, Unfit> {
        let state = &stream.cached_info().state;
        let Some(last) = stream::last(stream, self.names).await? else {
            let new = state.last_sequence == 0 && self.after == 0;
            return if new { Ok(1) } else { Err(Unfit::Behind(0)) };
        };
        let end = last.mark.position;
        let ahead = self.after.saturating_sub(end);
        let moves = self.seen.is_some_and(|seen| seen < end);
        if ahead > 0 && !(moves && ahead <= NEAR) {
            return Err(Unfit::Behind(end));
        }
        self.check(&last).await?;
        let first = stream::at(stream, state.first_sequence).await?.unwrap_or(last);
        let next = self.after.saturating_add(1);
        if first.mark.position > next {
            return Err(Unfit::TooYoung);
        }
        let back = u64::try_from(end.saturating_add(1).saturating_sub(next)).unwrap_or(0);
        Ok(last.sequence.saturating_add(1).saturating_sub(back).max(first.sequence))
    }

    /// Whether the stream's last event is the producer's, which may have lost data that the stream has. A producer that
    /// cannot be asked, or has forgotten the event, is not in the way.
    async fn check(&self, last: &Entry) -> Result<(), Unfit> {
        let asked = self.feed.read(last.mark.position.saturating_sub(1));
        let Ok(answer) = tokio::time::timeout(ASK, asked).await else { return Ok(()) };
        match answer {
            Ok(events) if events.first().is_some_and(|event| event.id == last.mark.id) => Ok(()),
            Ok(_) | Err(SourceError::AheadOfProducer(_)) => Err(Unfit::OfAnotherLog),
            Err(
                SourceError::BehindRetention(_) | SourceError::Unavailable(_) | SourceError::Malformed(_),
            ) => Ok(()),
        }
    }
}

impl Reader {
    /// The next events after a position, those that are there and at least one. Cancelling it loses nothing that was not
    /// given before, because then the reading ends.
    pub(super) async fn next(&mut self, after: i64) -> Result<Vec<Event>, Trouble> {
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        loop {
            let feed = Arc::clone(&self.feed);
            let mut ask = pin!(async {
                tokio::time::sleep(IDLE).await;
                feed.last_position().await
            });
            let last = loop {
                tokio::select! {
                    biased;
                    () = &mut self.lost => return Err(Trouble::Lost),
                    // Before the messages: those that tell nothing new, however many they are, do not put it off.
                    last = &mut ask => break last,
                    message = self.messages.next() => {
                        let events = self.batch(message, after);
                        if !events.is_empty() {
                            self.suspect = false;
                            return Ok(events);
                        }
                        if let Some(trouble) = self.trouble.take() {
                            return Err(trouble);
                        }
                    }
                }
            };
            self.judge(last, after)?;
        }
    }

    /// What the producer says of its log while nothing comes; one that cannot be asked says nothing.
    fn judge(&mut self, last: Result<i64, SourceError>, after: i64) -> Result<(), Trouble> {
        match last {
            Ok(last) if last < after => Err(Trouble::Ahead),
            Ok(last) if last > after && self.suspect => Err(Trouble::Behind),
            Ok(last) => {
                self.suspect = last > after;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// The event in a message and in those that are there already.
    fn batch(&mut self, first: Option<Message>, after: i64) -> Vec<Event> {
        let mut events = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match self.accept(message) {
                Ok(event) if event.position > after => events.push(event),
                Ok(_) => {}
                Err(trouble) => {
                    self.trouble = Some(trouble);
                    break;
                }
            }
            next = if events.len() < BATCH { self.messages.next().now_or_never() } else { None };
        }
        events
    }

    fn accept(&mut self, message: Option<Message>) -> Result<Event, Trouble> {
        let message = message
            .ok_or_else(|| Trouble::Silent("it ended".to_owned()))?
            .map_err(|error| Trouble::Silent(madang_chassis::chain(&error)))?;
        let count = message.info().map_err(|_| Trouble::Malformed)?.consumer_sequence;
        if count != self.count + 1 {
            return Err(Trouble::Dropped);
        }
        self.count = count;
        wire::event(message.message.payload).ok_or(Trouble::Malformed)
    }
}

type Message = Result<jetstream::Message, jetstream::consumer::push::MessagesError>;
