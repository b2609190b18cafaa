//! The operator's page: readiness, versions and addresses of all services, and the traces of recent orders as waterfalls; all of it
//! as JSON too.
//!
//! ```text
//! GET /, GET /api/services ──> every admin port at once: /info, /readyz, one second at most ──> page or JSON
//! OTLP by gRPC ──> traces, in bounded memory ──> GET /traces/ID, /orders/ID, /api/traces, /api/v3/traces
//! ```
//!
//! Invariant: the page always answers; a service that does not is shown as not reachable.
//! Invariant: what is received takes no more memory than it may: the oldest trace leaves first, a span is cut to its bounds.

mod config;
mod page;
mod probe;
mod traces;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use madang_chassis::{Listener, Platform, Service, web};
use serde_json::json;

pub use config::{Config, Target, Targets, TraceArgs};

use traces::Traces;
use traces::page::Orders;

/// What this service is.
pub const SERVICE: Service = Service { name: "console", version: env!("CARGO_PKG_VERSION"), port: 8081 };

/// Why the console does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot receive traces there.
    #[error("cannot listen on {0} for traces")]
    Bind(SocketAddr, #[source] io::Error),
}

/// Runs the service until the platform's shutdown and the drain after it.
///
/// # Errors
/// [`Error::Bind`]
pub async fn run(config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    let otlp = match config.traces.otlp_listen {
        Some(address) => Some(Listener::bind(address).await.map_err(|error| Error::Bind(address, error))?),
        None => None,
    };
    serve(config, listener, otlp, platform).await;
    Ok(())
}

/// The same with a listener for traces that is there already, or with none.
pub async fn serve(config: Config, listener: Listener, otlp: Option<Listener>, platform: Platform) {
    let traces = Traces::new(config.traces.limits());
    let is_receiving = otlp.is_some();
    let console =
        Console { targets: config.admin_urls.0.into(), platform: platform.clone(), traces, is_receiving };
    if let Some(listener) = otlp {
        let address = listener.local_addr().map(tracing::field::display);
        tracing::info!(address, "receives traces by OTLP");
        let (traces, platform, server) = (console.traces.clone(), platform.clone(), config.server.clone());
        let receive = async move { traces::receive(traces, &platform, &server, listener).await };
        console.platform.tasks.spawn("traces", receive);
    }
    web::serve(&platform, &config.server, listener, router(console)).await;
}

fn router(console: Console) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/style.css", get(style))
        .route("/traces/{trace_id}", get(traces::page::trace))
        .route("/orders/{order_id}", get(traces::page::order))
        .route("/api/services", get(services))
        .route("/api/traces", get(traces::api::recent))
        .route("/api/v3/traces", get(traces::api::find))
        .route("/api/v3/traces/{trace_id}", get(traces::api::get))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing at this path\n"))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method\n")
        })
        .with_state(console)
}

#[derive(Debug, Clone)]
struct Console {
    targets: Arc<[Target]>,
    platform: Platform,
    traces: Traces,
    is_receiving: bool,
}

impl FromRef<Console> for Traces {
    fn from_ref(console: &Console) -> Self {
        console.traces.clone()
    }
}

impl Console {
    async fn probe(&self) -> Vec<probe::Found> {
        probe::all(&self.targets, &self.platform.connector).await
    }
}

async fn page(State(console): State<Console>) -> impl IntoResponse {
    let services = console.probe().await;
    let orders = Orders::of(console.is_receiving.then_some(&console.traces));
    page::render(services, orders, console.platform.clock.now())
}

async fn services(State(console): State<Console>) -> impl IntoResponse {
    let services = console.probe().await;
    let all = json!({ "time": console.platform.clock.now().to_string(), "services": services });
    ([(header::CACHE_CONTROL, "no-store")], Json(all))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../templates/style.css"))
}
