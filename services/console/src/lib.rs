//! The operator's page. For now: readiness, versions and addresses of all services, on one page and as JSON.
//!
//! ```text
//! GET /, GET /api/services ──> every admin port at once: /info, /readyz, one second at most ──> page or JSON
//! ```
//!
//! Invariant: the page always answers; a service that does not is shown as not reachable.

mod config;
mod page;
mod probe;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use madang_chassis::{Listener, Platform, Service, web};
use serde_json::json;

pub use config::{Config, Target, Targets};

/// What this service is.
pub const SERVICE: Service = Service { name: "console", version: env!("CARGO_PKG_VERSION"), port: 8081 };

/// Runs the service until the platform's shutdown and the drain after it.
///
/// # Errors
/// None so far.
pub async fn run(config: Config, listener: Listener, platform: Platform) -> Result<(), Infallible> {
    let console = Console { targets: config.admin_urls.0.into(), platform: platform.clone() };
    let router = Router::new()
        .route("/", get(page))
        .route("/style.css", get(style))
        .route("/api/services", get(services))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing at this path\n"))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method\n")
        })
        .with_state(console);
    web::serve(&platform, &config.server, listener, router).await;
    Ok(())
}

#[derive(Debug, Clone)]
struct Console {
    targets: Arc<[Target]>,
    platform: Platform,
}

impl Console {
    async fn probe(&self) -> Vec<probe::Found> {
        probe::all(&self.targets, &self.platform.connector).await
    }
}

async fn page(State(console): State<Console>) -> impl IntoResponse {
    let services = console.probe().await;
    page::render(services, console.platform.clock.now())
}

async fn services(State(console): State<Console>) -> impl IntoResponse {
    let services = console.probe().await;
    let all = json!({ "time": console.platform.clock.now().to_string(), "services": services });
    ([(header::CACHE_CONTROL, "no-store")], Json(all))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../templates/style.css"))
}
