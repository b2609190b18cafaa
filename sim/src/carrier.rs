//! What the network does to calls, besides what turmoil does to connections: its TCP neither repeats nor swaps anything.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use madang_chassis::{Carried, Carrier};
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;

use crate::courier::{Letter, Mailbox};
use crate::feed;
use crate::{Random, Trace};

type BoxError = Box<dyn Error + Send + Sync>;

/// Carries the calls of one host.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    from: &'static str,
    random: Random,
    trace: Trace,
    mailbox: Mailbox,
    passed: Arc<Mutex<BTreeMap<String, Arc<Notify>>>>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It arrives, and its answer too.
    Plain,
    /// It is late.
    Late,
    /// Another call to the same host overtakes it, where one comes soon.
    Swapped,
    /// It never arrives.
    Lost,
    /// It arrives, its answer does not.
    AnswerLost,
    /// It arrives twice, one after the other; the caller has the second answer.
    Repeated,
    /// It arrives, and a copy of it much later.
    Echoed,
    /// The caller hears that it failed, and it arrives much later: a participant that was frozen.
    Frozen,
}

const FATES: &[(u64, Fate)] = &[
    (56, Fate::Plain),
    (8, Fate::Late),
    (6, Fate::Swapped),
    (4, Fate::Lost),
    (7, Fate::AnswerLost),
    (7, Fate::Repeated),
    (7, Fate::Echoed),
    (5, Fate::Frozen),
];

/// How long a swapped call waits for one that overtakes it.
const OVERTAKEN_WITHIN: Duration = Duration::from_secs(1);

impl Post {
    /// The post of a host.
    pub(crate) fn new(from: &'static str, random: &Random, trace: &Trace, mailbox: &Mailbox) -> Self {
        let (random, trace, mailbox) = (random.clone(), trace.clone(), mailbox.clone());
        Self { from, random, trace, mailbox, passed: Arc::default() }
    }

    async fn unary(self, parts: Parts, body: Bytes, channel: Channel) -> Result<Response<Body>, BoxError> {
        let call = Call { parts, body, channel };
        let fate = if self.trace.is_calm() { None } else { self.random.weighted(FATES) };
        let fate = fate.unwrap_or(Fate::Plain);
        let path = call.parts.uri.path().to_owned();
        if fate != Fate::Plain {
            self.trace.tell(format_args!("{} {path} is to be {fate:?}", self.from));
        }
        match fate {
            Fate::Plain | Fate::AnswerLost | Fate::Repeated | Fate::Echoed => {}
            Fate::Late => tokio::time::sleep(self.random.millis(10, 3_000)).await,
            Fate::Swapped => self.overtaken(&path).await,
            Fate::Lost => return self.fails(&path).await,
            Fate::Frozen => {
                self.post(&call, 20_000);
                return self.fails(&path).await;
            }
        }
        let answer = self.deliver(&call, &path).await;
        match fate {
            Fate::Plain | Fate::Late | Fate::Swapped | Fate::Lost | Fate::Frozen => answer,
            Fate::AnswerLost => self.fails(&path).await,
            Fate::Repeated => {
                tokio::time::sleep(self.random.millis(0, 2_000)).await;
                self.deliver(&call, &path).await
            }
            Fate::Echoed => {
                self.post(&call, 30_000);
                answer
            }
        }
    }

    async fn deliver(&self, call: &Call, path: &str) -> Result<Response<Body>, BoxError> {
        self.trace.delivered(format_args!("{} -> {path}", self.from), &call.body);
        self.passed(path).notify_waiters();
        let answer = call.clone().send().await;
        match &answer {
            Ok(answer) => {
                let headers = [Some(&answer.parts.headers), answer.trailers.as_ref()].into_iter().flatten();
                let status = headers.filter_map(|headers| headers.get("grpc-status")).next_back();
                self.trace.delivered(format_args!("{} <- {path} {status:?}", self.from), &answer.body);
            }
            Err(error) => self.trace.tell(format_args!("{} <- {path} failed: {error}", self.from)),
        }
        answer.map(Answer::into_response)
    }

    /// The call fails at once, or nobody hears of it any more.
    async fn fails(&self, path: &str) -> Result<Response<Body>, BoxError> {
        if self.random.percent(50) {
            return std::future::pending().await;
        }
        Err(format!("{path} is lost").into())
    }

    async fn overtaken(&self, path: &str) {
        let passed = self.passed(path);
        // Nobody may come: then it goes after a while.
        let _overtaken = tokio::time::timeout(OVERTAKEN_WITHIN, passed.notified()).await.is_ok();
    }

    fn passed(&self, path: &str) -> Arc<Notify> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(passed.entry(host_of(path).to_owned()).or_default())
    }

    fn post(&self, call: &Call, within: u64) {
        let due = self.trace.now() + self.random.millis(20, within);
        self.mailbox.post(Letter { due, parts: call.parts.clone(), body: call.body.clone() });
    }
}

/// The host that serves a path such as `/madang.orders.v1.OrdersService/PlaceOrder`.
pub(crate) fn host_of(path: &str) -> &str {
    path.split('.').nth(1).unwrap_or_default()
}

/// A call that can be sent more than once.
#[derive(Clone, Debug)]
struct Call {
    parts: Parts,
    body: Bytes,
    channel: Channel,
}

impl Call {
    async fn send(self) -> Result<Answer, BoxError> {
        let request = Request::from_parts(self.parts, Body::new(Full::new(self.body)));
        let (parts, body) = self.channel.oneshot(request).await?.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned();
        Ok(Answer { parts, body: body.to_bytes(), trailers })
    }
}

/// A whole answer.
struct Answer {
    parts: http::response::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Answer {
    fn into_response(self) -> Response<Body> {
        let trailers = self.trailers.map(Ok);
        Response::from_parts(self.parts, Body::new(Full::new(self.body).with_trailers(async { trailers })))
    }
}

impl Carrier for Post {
    fn carry(&self, request: Request<Body>, channel: Channel) -> Carried {
        let post = self.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if path.ends_with("/Subscribe") {
                let answer = channel.oneshot(request).await?;
                let feed = feed::Harm { from: post.from, random: post.random, trace: post.trace };
                return Ok(answer.map(|body| feed.around(body)));
            }
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            post.unary(parts, body, channel).await
        })
    }
}
