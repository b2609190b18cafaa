use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::TcpConnectInfo;

use super::{Incoming, Listener};
use crate::Shutdown;

/// Open connections at most; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 8192;
/// How often a quiet HTTP/2 peer is asked whether it is there, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// How much is served at once, and how long after the shutdown began.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Requests of one HTTP/2 connection at a time. Above what sheds load, so that the caller is told.
    pub(crate) requests_per_connection: u32,
    pub(crate) drain: Duration,
    pub(crate) shutdown: Shutdown,
}

/// Serves HTTP/1 and HTTP/2 until the shutdown begins, then stops accepting, lets what is in flight end, and aborts what
/// is left after the drain time. When it returns, nothing of it runs.
///
/// It is not tonic's server, because that one answers CANCELLED when a `grpc-timeout` runs out, outside of all layers, and
/// cannot end the connections that outlive the drain.
pub(crate) async fn accept<S, B>(mut listener: Listener, service: S, limits: Limits)
where
    S: tower::Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    let scope = Scope::default();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, incoming) = tokio::select! {
            () = limits.shutdown.begun() => break,
            next = next => match next {
                (Ok(slot), Some(incoming)) => (slot, incoming),
                _ => break,
            },
        };
        let connection = connection(incoming, service.clone(), scope.clone(), limits.clone());
        let abort = scope.abort.clone();
        scope.spawn(async move {
            let _ended = abort.run_until_cancelled(connection).await.is_some();
            drop(slot);
        });
    }
    drop(listener);
    scope.drain(limits.drain).await;
}

async fn connection<S, B>(incoming: Incoming, service: S, scope: Scope, limits: Limits)
where
    S: tower::Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    let Incoming { io, peer } = incoming;
    let mut builder = auto::Builder::new(scope);
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.requests_per_connection)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1);
    let service = tower::util::MapRequest::new(service, move |mut request: Request<_>| {
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr: peer });
        request
    });
    let mut served =
        std::pin::pin!(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = limits.shutdown.begun() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// All tasks of a server: connections, which can be aborted, and requests, which end with their connection.
#[derive(Clone, Debug, Default)]
struct Scope {
    tracker: TaskTracker,
    abort: CancellationToken,
}

impl Scope {
    fn spawn<F>(&self, task: F)
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        drop(self.tracker.spawn(task));
    }

    async fn drain(&self, limit: Duration) {
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "the drain time is over; what is left is aborted");
            self.abort.cancel();
            self.tracker.wait().await;
        }
    }
}

impl<F> hyper::rt::Executor<F> for Scope
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
