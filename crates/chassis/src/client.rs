//! Calls to other services: deadlines, trace context and metrics on a channel that connects when it is first used.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use madang_types::Clock;
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

use crate::server::method_of;
use crate::trace::seen::{Seen, Side};
use crate::trace::{self, baggage};
use crate::{Carrier, Metrics, Platform, deadline};

mod body;

/// The deadline of a call where neither the request nor the work around it has one.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a peer that owes us an answer is asked whether it is there, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(5));

/// Bytes on their way to us, of one stream and of all. h2 ends a connection on which more small frames wait to be read than
/// half of the second number allows for: it is wide, so that a slow reader of one stream is stopped by the first instead.
const WINDOWS: (u32, u32) = (256 * 1024, 32 * 1024 * 1024);

/// Put into a request's extensions, it frees the call from the deadline of the work around it and from the default: for
/// event feeds and watches, which have no end.
#[derive(Clone, Copy, Debug)]
pub struct NoDeadline;

/// A channel to a service. Clones share the connection. An error of the connection is UNAVAILABLE.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    carrier: Option<Arc<dyn Carrier>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Client {
    /// Does not connect yet. Call it within a tokio runtime.
    pub fn new(uri: Uri, platform: &Platform) -> Self {
        platform.metrics.show_rpc_client();
        let endpoint = Endpoint::from(uri)
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1);
        Self {
            channel: endpoint.connect_with_connector_lazy(platform.connector.clone()),
            carrier: platform.connector.carrier(),
            clock: Arc::clone(&platform.clock),
            metrics: platform.metrics.clone(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    /// Always ready: waiting for the channel belongs to the call, under its deadline.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (method, service) = (method_of(&request), self.clone());
        let span = trace::call(&method, request.headers_mut());
        let call = self.metrics.rpc().client(Arc::clone(&method.label));
        let seen = Seen::new(Side::Client, call, span);
        let answer = async move {
            madang_crash::point(|| format!("call{}/before", method.label));
            let answer = service.send(request, seen).await?;
            madang_crash::point(|| format!("call{}/after", method.label));
            Ok(answer)
        };
        Box::pin(answer)
    }
}

impl Client {
    async fn send(self, mut request: Request<Body>, mut seen: Seen) -> Result<Response<Body>, Status> {
        let ends = ends(&request)?;
        if let Some(ends) = ends {
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let late = deadline::exceeded();
                seen.end(&late);
                return Err(late);
            }
            deadline::wire::set_timeout(request.headers_mut(), left);
            deadline::wire::set_absolute(request.headers_mut(), self.clock.now(), left);
        }
        let mut sleep = ends.map(|ends| Box::pin(tokio::time::sleep_until(ends)));
        let answer = tokio::select! {
            // The deadline first, so that an answer that comes as late as it does is not taken.
            biased;
            () = over(&mut sleep) => Err(deadline::exceeded()),
            answer = carry(self.carrier, self.channel, request) => answer.map_err(status),
        };
        match answer {
            Ok(answer) => {
                seen.see(answer.headers());
                if let Some(order) = baggage::answered(answer.headers()) {
                    trace::learn(order);
                }
                Ok(answer.map(|inner| Body::new(body::Answer::new(inner, sleep, seen))))
            }
            Err(status) => {
                seen.end(&status);
                Err(status)
            }
        }
    }
}

async fn carry(
    carrier: Option<Arc<dyn Carrier>>,
    channel: Channel,
    request: Request<Body>,
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    match carrier {
        Some(carrier) => carrier.carry(request, channel).await,
        None => channel.oneshot(request).await.map_err(Into::into),
    }
}

/// When a call has to end: the soonest of what the request asks and what the work around it allows.
fn ends(request: &Request<Body>) -> Result<Option<Instant>, Status> {
    let asked = deadline::wire::timeout(request.headers())
        .map_err(|_| Status::internal("the request's grpc-timeout is malformed"))?
        .map(|timeout| Instant::now() + timeout);
    if request.extensions().get::<NoDeadline>().is_some() {
        return Ok(asked);
    }
    let around = deadline::current();
    let ends = asked.into_iter().chain(around).min();
    Ok(Some(ends.unwrap_or_else(|| Instant::now() + DEFAULT_DEADLINE)))
}

async fn over(sleep: &mut Option<Pin<Box<Sleep>>>) {
    match sleep {
        Some(sleep) => sleep.as_mut().await,
        None => std::future::pending().await,
    }
}

/// What a failed connection means to the caller: whether the call was done is unknown, and it may be sent again if it can be
/// repeated. It has no reason, because a reason is an answer of the service.
fn status(error: Box<dyn std::error::Error + Send + Sync>) -> Status {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return deadline::exceeded();
        }
        cause = error.source();
    }
    tracing::debug!(error = crate::chain(&*error), "a call did not reach its service or lost its connection");
    Status::unavailable("the service cannot be reached")
}

/// Reads the address of a service, for clap: `#[arg(value_parser = madang_chassis::client::uri)]`.
///
/// # Errors
/// Says how an address must look.
pub fn uri(text: &str) -> Result<Uri, String> {
    let uri = Uri::from_str(text).map_err(|error| format!("{error}; write it as http://host:port"))?;
    let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) if !host.is_empty() && bare => Ok(uri),
        (Some("https"), _) => Err("TLS is the mesh's work; write it as http://host:port".to_owned()),
        _ => Err("write it as http://host:port".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert!(uri("http://inventory:50052").is_ok());
        assert!(uri("http://[::1]:50052/").is_ok());
        for bad in ["inventory:50052", "https://inventory", "http://inventory/path", "", "http://", "a b"] {
            assert!(uri(bad).unwrap_err().contains("http://host:port"), "{bad}");
        }
    }
}
