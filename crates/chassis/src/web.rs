//! HTTP services, such as the gateway and the console, on the same platform as gRPC ones.

use axum::{Router, middleware};

use crate::config::ServerArgs;
use crate::transport::{Limits, accept};
use crate::{Listener, Platform};

mod observe;

/// Serves HTTP/1 and HTTP/2 until the shutdown begins and the drain is over. Each request gets a span, a trace and a request
/// id, is measured by its route, is refused with 503 beyond `--max-concurrency`, and is answered 500 where its handler
/// panics. gRPC passes through: [`Server::into_service`](crate::Server::into_service) does all this for itself.
pub async fn serve(platform: &Platform, args: &ServerArgs, listener: Listener, router: Router) {
    let limits = Limits {
        requests_per_connection: args.requests(),
        drain: args.drain_timeout,
        shutdown: platform.shutdown.clone(),
    };
    let observer = observe::Observer::new(platform, args);
    let router = router.layer(middleware::from_fn_with_state(observer, observe::observe));
    tracing::info!(address = listener.local_addr().map(tracing::field::display), "serves HTTP");
    accept(listener, router, limits).await;
}
