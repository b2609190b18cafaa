//! The edge of the shop: HTTP/JSON under /api, gRPC and gRPC-Web, all on one port. It owns no data.
//!
//! ```text
//!            edge: request id, inside headers stripped, client known, rate limited, problems told
//!              │
//!    ┌─────────┴──────────────┐
//!   api: JSON <-> messages   grpc: allow-list, bytes passed on unread
//!    └─────────┬──────────────┘
//!      Client: deadlines, traces, metrics ──> catalog, inventory, orders, notifications
//! ```
//!
//! Invariant: an RPC passes only where the table of `grpc::allowed` names it; a new RPC is refused until someone lists it.
//! Invariant: no header of the inside (`madang-*`, `x-envoy-attempt-count`) comes in from outside.
//! Invariant: every answer has an `x-request-id`, and no answer tells the text of an INTERNAL error.
//! Invariant: every call has an end: 60 s for a call, an hour for a stream.

mod api;
mod config;
mod edge;
mod grpc;
mod landing;
mod problem;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http::StatusCode;
use madang_chassis::{Client, Listener, Platform, ServerArgs, Service, web};

use problem::Problem;

pub use config::{Config, Limits, Upstreams};

/// What this service is.
pub const SERVICE: Service = Service { name: "gateway", version: env!("CARGO_PKG_VERSION"), port: 8080 };

const SPARE_REQUESTS: u16 = 256;

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The gRPC side cannot start.
    #[error("the server cannot start")]
    Server(#[from] madang_chassis::server::Error),
}

/// Runs the service until the platform's shutdown and the drain after it.
///
/// # Errors
/// See [`Error`]; all of them are at the start.
pub async fn run(config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    let upstreams = Clients::new(&config.upstreams, &platform);
    let edge = edge::Edge::new(&config.limits, &platform);
    let grpc = grpc::Guarded::new(&config, &upstreams, &platform)?;
    let (calls, rest) = (grpc::Calls::new(edge.clone(), grpc.clone()), grpc::Rest::new(grpc));
    let router = Router::new()
        .route("/", get(landing::page))
        .merge(api::router(&config, &upstreams, &platform))
        .fallback(async move |request: Request| rest.answer(request).await)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(edge, edge::around));
    // The API sheds load with problem details; the chassis, which has none, comes into it only beyond that.
    let max_concurrency = config.server.max_concurrency.saturating_add(SPARE_REQUESTS);
    let args = ServerArgs { max_concurrency, ..config.server };
    web::serve_beside(&platform, &args, listener, (calls, router)).await;
    Ok(())
}

async fn method_not_allowed() -> Problem {
    let detail = "this path does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
}

/// The channels to the services behind the edge.
#[derive(Debug, Clone)]
struct Clients {
    catalog: Client,
    inventory: Client,
    orders: Client,
    notifications: Client,
}

impl Clients {
    fn new(upstreams: &Upstreams, platform: &Platform) -> Self {
        Self {
            catalog: Client::new(upstreams.catalog_url.clone(), platform),
            inventory: Client::new(upstreams.inventory_url.clone(), platform),
            orders: Client::new(upstreams.orders_url.clone(), platform),
            notifications: Client::new(upstreams.notifications_url.clone(), platform),
        }
    }
}
