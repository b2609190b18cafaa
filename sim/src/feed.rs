//! What the network does to the messages of a feed: what comes may repeat, swap or end.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, Stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::Status;
use tonic::body::Body;

use crate::{Random, Trace};

/// How long a message that is to be swapped waits for the next.
const HELD: Duration = Duration::from_millis(400);
/// A gRPC message begins with a flag and its length.
const HEAD: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Plain,
    /// It comes late, and all after it.
    Late,
    /// It comes twice.
    Twice,
    /// It comes again, after the next one.
    Again,
    /// The next one overtakes it.
    Swapped,
    /// It is lost, and the stream with it.
    Broken,
}

const FATES: &[(u64, Fate)] = &[
    (62, Fate::Plain),
    (10, Fate::Late),
    (8, Fate::Twice),
    (7, Fate::Again),
    (8, Fate::Swapped),
    (5, Fate::Broken),
];

/// Harms the messages of the feeds that a host reads.
#[derive(Debug)]
pub(crate) struct Harm {
    pub(crate) from: &'static str,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
}

impl Harm {
    /// A stream's body, harmed.
    pub(crate) fn around(self, body: Body) -> Body {
        let reading =
            Reading { harm: self, body, bytes: BytesMut::new(), out: VecDeque::new(), held: None, old: None };
        Body::new(StreamBody::new(Box::pin(reading.frames())))
    }
}

struct Reading {
    harm: Harm,
    body: Body,
    bytes: BytesMut,
    out: VecDeque<Result<Frame<Bytes>, Status>>,
    /// Waits to be overtaken.
    held: Option<Bytes>,
    /// Comes again after the next.
    old: Option<Bytes>,
}

impl Reading {
    fn frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Status>> + Send {
        stream::unfold(Some(self), async |reading| {
            let mut reading = reading?;
            let frame = reading.next().await?;
            let ends = frame.is_err();
            Some((frame, (!ends).then_some(reading)))
        })
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        while self.out.is_empty() {
            let frame = if self.held.is_some() {
                match tokio::time::timeout(HELD, self.body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => {
                        self.release();
                        continue;
                    }
                }
            } else {
                self.body.frame().await
            };
            match frame {
                Some(Ok(frame)) => self.take(frame).await,
                Some(Err(status)) => self.out.push_back(Err(status)),
                None if self.held.is_none() => return None,
                None => self.release(),
            }
        }
        self.out.pop_front()
    }

    async fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.bytes.extend_from_slice(&data),
            Err(trailers) => {
                self.release();
                self.out.push_back(Ok(trailers));
            }
        }
        while let Some(message) = self.message() {
            self.harm(message).await;
        }
    }

    /// The next whole message, with its head.
    fn message(&mut self) -> Option<Bytes> {
        let length = self.bytes.get(1..HEAD)?.get_u32();
        let whole = HEAD + usize::try_from(length).ok()?;
        (self.bytes.len() >= whole).then(|| self.bytes.split_to(whole).freeze())
    }

    async fn harm(&mut self, message: Bytes) {
        let (random, trace) = (self.harm.random.clone(), self.harm.trace.clone());
        let fate = if trace.is_calm() { None } else { random.weighted(FATES) }.unwrap_or(Fate::Plain);
        if fate != Fate::Plain {
            trace.tell(format_args!("{} feed is to be {fate:?}", self.harm.from));
        }
        match fate {
            Fate::Plain | Fate::Again | Fate::Twice => self.push(message.clone()),
            Fate::Late => {
                tokio::time::sleep(random.millis(10, 2_000)).await;
                self.push(message.clone());
            }
            Fate::Broken => self.out.push_back(Err(Status::unavailable("the stream is lost"))),
            Fate::Swapped => {}
        }
        if fate == Fate::Twice {
            self.push(message.clone());
        }
        self.release();
        self.out.extend(self.old.take().map(|old| Ok(Frame::data(old))));
        match fate {
            Fate::Again => self.old = Some(message),
            Fate::Swapped => self.held = Some(message),
            Fate::Plain | Fate::Late | Fate::Twice | Fate::Broken => {}
        }
    }

    fn push(&mut self, message: Bytes) {
        self.harm.trace.delivered(format_args!("{} <- feed", self.harm.from), &message);
        self.out.push_back(Ok(Frame::data(message)));
    }

    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.push(held);
        }
    }
}
