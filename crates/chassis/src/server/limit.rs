use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use tonic::body::Body;
use tonic::{Code, Status};

use super::observe::Rpc;
use super::{Around, Next};
use crate::config::ServerArgs;
use crate::deadline::body::EndsEarly;
use crate::metrics::{Labels, Reading};
use crate::{Place, Places, Platform, Shutdown, deadline};

/// Streams between services.
const FEEDS: &str = "/madang.events.";
/// Streams between services at most, of all consumers and their replicas.
const MAX_FEEDS: usize = 256;

/// Takes on so many calls and refuses the rest at once. Streams, which live long, have a limit of their own, so that they
/// leave unary calls their room; and they end when the drain begins, so that they do not hold it up.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    unary: Places,
    streams: Places,
    feeds: Places,
    shutdown: Shutdown,
}

impl Limit {
    pub(super) fn new(args: &ServerArgs, platform: &Platform) -> Self {
        let limit = Self {
            unary: Places::new(args.max_concurrency.get().into()),
            streams: Places::new(args.max_streams.get().into()),
            feeds: Places::new(MAX_FEEDS),
            shutdown: platform.shutdown.clone(),
        };
        let all = [
            ("unary", limit.unary.clone()),
            ("stream", limit.streams.clone()),
            ("feed", limit.feeds.clone()),
        ];
        let taken = move || all.iter().map(|(class, places)| taken(class, places)).collect();
        let help = "Places for calls that are taken: unary, stream, feed (streams between services)";
        drop(platform.metrics.register_family(
            ("rpc_server_places_taken", &["class"]),
            help,
            Reading::gauges(taken),
        ));
        limit
    }
}

fn taken(class: &'static str, places: &Places) -> (Labels, f64) {
    (vec![("class", class)], u32::try_from(places.taken()).map_or(f64::MAX, f64::from))
}

impl Around for Limit {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        let method = request.extensions().get::<Rpc>().map(|rpc| Arc::clone(&rpc.method));
        let (streams, platform) = method.map_or((false, false), |method| (method.streams, method.platform));
        if platform {
            return next.run(request).await;
        }
        let limit = match streams {
            // The shop's own feeds have places of their own: watchers from outside must not shut them out.
            true if request.uri().path().starts_with(FEEDS) => &self.feeds,
            true => &self.streams,
            false => &self.unary,
        };
        let place = match limit.take() {
            Ok(place) => place,
            Err(later) => return overloaded(later).into_http(),
        };
        let answer = next.run(request).await;
        if !streams {
            return answer;
        }
        let draining = self.shutdown.begun_owned();
        let end = async move {
            draining.await;
            shutting_down()
        };
        let ends = deadline::current();
        answer.map(|inner| {
            let inner = EndsEarly::new(inner, ends, end);
            Body::new(Holding { inner, _place: place })
        })
    }
}

fn overloaded(later: Duration) -> Status {
    let message = "more calls than the service takes on at once";
    madang_api::error::retry_later(madang_api::error::OVERLOADED, message, later)
}

fn shutting_down() -> Status {
    madang_api::error::status(
        Code::Unavailable,
        "SHUTTING_DOWN",
        "the server ends; call again to reach another",
    )
}

/// A stream with its place.
struct Holding<B> {
    inner: B,
    _place: Place,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Holding<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}
