//! Passes calls on without reading them.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, Request, Response, Version, header};
use madang_api::error::status;
use madang_chassis::server::is_stream;
use madang_chassis::{Client, deadline};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::Service;

use super::body;
use crate::api::{MAX_BODY, MAX_STREAM};
use crate::problem::BODY_TOO_LARGE;

/// What a client may ask for a call at most.
const MAX_CALL: Duration = Duration::from_secs(60);

/// Headers that are about the client's connection, not about the call. HTTP/2 refuses them.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Passes the calls of one service on; `S` is that service's generated server, for its name.
pub(super) struct Forward<S> {
    client: Client,
    call_timeout: Duration,
    service: PhantomData<fn() -> S>,
}

impl<S> Forward<S> {
    pub(super) fn new(client: Client, call_timeout: Duration) -> Self {
        Self { client, call_timeout, service: PhantomData }
    }
}

impl<S> Clone for Forward<S> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.call_timeout)
    }
}

impl<S: NamedService> fmt::Debug for Forward<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forward").field(&S::NAME).finish()
    }
}

impl<S: NamedService> NamedService for Forward<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Forward<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, call_timeout) = (self.client.clone(), self.call_timeout);
        Box::pin(async move {
            let limit = match deadline::current() {
                _ if is_stream(&request) => MAX_STREAM,
                Some(_) => MAX_CALL,
                None => call_timeout,
            };
            let answer = deadline::within(limit, pass_on(client, request)).await;
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

async fn pass_on(mut client: Client, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    for name in &HOP_BY_HOP {
        request.headers_mut().remove(name);
    }
    *request.version_mut() = Version::HTTP_2;
    let (tell, mut cut_off) = oneshot::channel();
    let request = request.map(|inner| Body::new(body::Limited::new(inner, MAX_BODY, tell)));
    let answer = tokio::select! {
        biased;
        // Whether the call fails first, because its message was cut off, or whether we are told first, is chance.
        Ok(body::TooLarge) = &mut cut_off => Err(too_large()),
        answer = client.call(request) => answer,
    };
    match answer {
        Err(_) if cut_off.try_recv().is_ok() => Err(too_large()),
        answer => answer.map(|answer| answer.map(|inner| Body::new(body::Trailed::new(inner)))),
    }
}

fn too_large() -> Status {
    status(Code::InvalidArgument, BODY_TOO_LARGE, "a message may have 64 KiB at most")
}
