//! HTTP services, such as the gateway and the console, on the same platform as gRPC ones.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::routing::future::RouteFuture;
use axum::{Router, middleware};
use futures::TryFutureExt;
use futures::future::{Either, MapOk};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tonic::body::Body;
use tower::Service;

use crate::config::ServerArgs;
use crate::server::is_grpc;
use crate::transport::{Limits, accept};
use crate::{Listener, Platform};

mod observe;

/// Serves HTTP/1 and HTTP/2 until the shutdown begins and the drain is over. Each request gets a span, a trace and a request
/// id, is measured by its route, is refused with 503 beyond `--max-concurrency`, and is answered 500 where its handler
/// panics. gRPC passes through: [`Server::into_service`](crate::Server::into_service) does all this for itself.
pub async fn serve(platform: &Platform, args: &ServerArgs, listener: Listener, router: Router) {
    accept(listener, observed(platform, args, router), limits(platform, args)).await;
}

/// The same on a port that speaks gRPC as well: `rpc` answers what comes as such over HTTP/2, and the router all else.
pub async fn serve_beside<S>(
    platform: &Platform,
    args: &ServerArgs,
    listener: Listener,
    (rpc, router): (S, Router),
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let both = Beside { rpc, router: observed(platform, args, router) };
    accept(listener, both, limits(platform, args)).await;
}

fn limits(platform: &Platform, args: &ServerArgs) -> Limits {
    Limits {
        requests_per_connection: args.requests(),
        drain: args.drain_timeout,
        shutdown: platform.shutdown.clone(),
    }
}

fn observed(platform: &Platform, args: &ServerArgs, router: Router) -> Router {
    let observer = observe::Observer::new(platform, args);
    router.layer(middleware::from_fn_with_state(observer, observe::observe))
}

/// gRPC beside a router, which would be most of what a call costs here.
#[derive(Clone)]
struct Beside<S> {
    rpc: S,
    router: Router,
}

type Told = http_body_util::Either<Body, axum::body::Body>;

impl<S> Service<Request<Incoming>> for Beside<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Told>;
    type Error = Infallible;
    type Future = Either<
        MapOk<S::Future, fn(Response<Body>) -> Self::Response>,
        MapOk<RouteFuture<Infallible>, fn(Response<axum::body::Body>) -> Self::Response>,
    >;

    /// Both are always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        // Not over HTTP/1, of which a router tells.
        if request.version() == Version::HTTP_2 && is_grpc(request.headers()) {
            return Either::Left(
                self.rpc.call(request.map(Body::new)).map_ok(|answer| answer.map(Told::Left)),
            );
        }
        Either::Right(self.router.call(request).map_ok(|answer| answer.map(Told::Right)))
    }
}
