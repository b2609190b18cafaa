//! Until when work is wanted. A call's deadline stops its handler, and bounds every call that the handler makes.
//!
//! `grpc-timeout` rules. A mesh that retries may send the same `grpc-timeout` again, so that the deadline would start anew. Envoy
//! does with `max_stream_duration`; with Istio's own time-outs it sends what is left. So the client also sends the absolute
//! deadline, which counts only on a retried call: a skewed clock costs a retry at most.

use std::time::Duration;

use http::HeaderName;
use tokio::time::Instant;
use tonic::{Code, Status};

pub(crate) mod body;
pub(crate) mod wire;

/// The absolute deadline, in milliseconds since 1970. An edge strips it from what comes from outside.
pub const HEADER: HeaderName = HeaderName::from_static("madang-deadline");

pub(crate) const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

tokio::task_local! {
    static DEADLINE: Option<Instant>;
}

/// The deadline of the work that runs here; none in a background task, or where the caller set none.
pub fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok().flatten()
}

/// What remains until the deadline; zero once it has passed.
pub fn remaining() -> Option<Duration> {
    current().map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Bounds the calls made inside: they end within this time, or at the deadline that is set already where that is sooner.
/// Work other than calls is not stopped.
pub async fn within<F: Future>(limit: Duration, work: F) -> F::Output {
    let ours = Instant::now() + limit;
    scope(Some(current().map_or(ours, |theirs| theirs.min(ours))), work).await
}

/// Runs work under a deadline or, with none, free of the one that is set.
pub(crate) fn scope<F: Future>(deadline: Option<Instant>, work: F) -> impl Future<Output = F::Output> {
    DEADLINE.scope(deadline, work)
}

/// The same for one poll.
pub(crate) fn enter<T>(deadline: Option<Instant>, work: impl FnOnce() -> T) -> T {
    DEADLINE.sync_scope(deadline, work)
}

/// What a call is answered whose deadline passed.
pub(crate) fn exceeded() -> Status {
    madang_api::error::status(
        Code::DeadlineExceeded,
        madang_api::error::DEADLINE_EXCEEDED,
        "the call's deadline has passed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_inner_deadline_never_lengthens_the_outer() {
        assert_eq!(remaining(), None);
        let seconds = |count| Duration::from_secs(count);
        within(seconds(5), async {
            assert_eq!(remaining(), Some(seconds(5)));
            within(seconds(9), async { assert_eq!(remaining(), Some(seconds(5))) }).await;
            within(seconds(2), async { assert_eq!(remaining(), Some(seconds(2))) }).await;
            tokio::time::advance(seconds(6)).await;
            assert_eq!(remaining(), Some(Duration::ZERO));
        })
        .await;
    }
}
