use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use madang_types::Clock;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::observe::Rpc;
use super::{Around, Next};
use crate::Platform;
use crate::deadline::body::EndsEarly;
use crate::deadline::{exceeded, scope, wire};

/// Refuses a call whose deadline has passed, and stops one whose deadline passes: handler and stream are dropped.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    trust_absolute: bool,
}

impl Deadline {
    pub(super) fn new(platform: &Platform, trust_absolute: bool) -> Self {
        Self { clock: Arc::clone(&platform.clock), trust_absolute }
    }

    fn of(&self, headers: &HeaderMap) -> Result<Option<Instant>, wire::Malformed> {
        let absolute = || wire::remaining_of_retry(headers, self.clock.now());
        let absolute = if self.trust_absolute { absolute() } else { None };
        let left = wire::timeout(headers)?.into_iter().chain(absolute).min();
        // A time too far off to be written down is none.
        Ok(left.and_then(|left| Instant::now().checked_add(left)))
    }
}

impl Around for Deadline {
    async fn around(&self, request: Request<Body>, next: &impl Next) -> Response<Body> {
        let deadline = match self.of(request.headers()) {
            Ok(deadline) => deadline,
            Err(wire::Malformed) => return malformed().into_http(),
        };
        let Some(ends) = deadline else { return scope(None, next.run(request)).await };
        if ends <= Instant::now() {
            return exceeded().into_http();
        }
        let streams = request.extensions().get::<Rpc>().is_none_or(|rpc| rpc.method.streams);
        let answer = tokio::select! {
            // The work first: a timer that is never asked costs nothing, and many answers are there at once.
            biased;
            answer = scope(deadline, next.run(request)) => answer,
            () = tokio::time::sleep_until(ends) => return exceeded().into_http(),
        };
        if ends <= Instant::now() {
            return exceeded().into_http();
        }
        // The answer of a unary call is made already; only a stream has work left.
        if !streams {
            return answer;
        }
        let end = async move {
            tokio::time::sleep_until(ends).await;
            exceeded()
        };
        answer.map(|inner| Body::new(EndsEarly::new(inner, deadline, end)))
    }
}

fn malformed() -> Status {
    let message = "the header grpc-timeout is malformed";
    madang_api::error::status(Code::InvalidArgument, madang_api::error::INVALID_REQUEST, message)
}
