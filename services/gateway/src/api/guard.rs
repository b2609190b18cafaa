//! What every request to the API is taken on with: a place, a deadline, and an answer even where its handler panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use madang_api::error;
use madang_chassis::{Places, deadline};
use tonic::{Code, Status};

use crate::Config;
use crate::problem::Problem;

/// How requests are taken on.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    places: Places,
    timeout: Duration,
}

impl Guard {
    pub(super) fn new(config: &Config) -> Self {
        let places = Places::new(config.server.max_concurrency.get().into());
        Self { places, timeout: config.limits.call_timeout }
    }
}

/// Goes around all routes of the API. The chassis does much of this as well, but not with problem details.
pub(super) async fn around(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let _place = match guard.places.take() {
        Ok(place) => place,
        Err(later) => return Problem::from(overloaded(later)).into_response(),
    };
    let work = deadline::within(guard.timeout, AssertUnwindSafe(next.run(request)).catch_unwind());
    match tokio::time::timeout(guard.timeout, work).await {
        Ok(Ok(response)) => response,
        // The panic hook has logged it.
        Ok(Err(_panic)) => Problem::internal().into_response(),
        Err(_elapsed) => {
            let message = "the request took too long";
            let status = error::status(Code::DeadlineExceeded, error::DEADLINE_EXCEEDED, message);
            Problem::from(status).into_response()
        }
    }
}

/// More requests, or streams, than are taken on at once.
pub(super) fn overloaded(later: Duration) -> Status {
    error::retry_later(error::OVERLOADED, "more requests than the gateway takes on at once", later)
}
