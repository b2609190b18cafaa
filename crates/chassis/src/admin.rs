//! The admin port: `/livez`, `/readyz`, `/metrics`, `/info`, `/log-level`. It is apart from the calls, so that no load keeps probes out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::time::Instant;

use crate::telemetry::LevelError;
use crate::transport::{Limits, accept};
use crate::{Listener, Platform, Shutdown};

const REQUESTS_PER_CONNECTION: u32 = 16;
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes of a log filter.
const LONGEST_FILTER: usize = 1024;

/// What a process is, as `/info` tells it.
#[derive(Clone, Debug, Serialize)]
struct Info {
    service: &'static str,
    version: &'static str,
    /// Where it serves; none in memory.
    address: Option<SocketAddr>,
    ready: bool,
    missing: Vec<&'static str>,
    uptime_seconds: u64,
}

#[derive(Clone, Debug)]
struct Shown {
    platform: Platform,
    address: Option<SocketAddr>,
    started: Instant,
}

/// Serves the admin port until `shutdown`, which is not the platform's: probes and scrapes go on during the drain.
/// [`main`](crate::main) calls this; `address` is where the process serves.
pub async fn serve(listener: Listener, platform: Platform, address: Option<SocketAddr>, shutdown: Shutdown) {
    let limits = Limits { requests_per_connection: REQUESTS_PER_CONNECTION, drain: DRAIN, shutdown };
    accept(listener, router(&platform, address), limits).await;
}

/// The admin port's routes, for a process that shows them elsewhere, and for tests.
pub fn router(platform: &Platform, address: Option<SocketAddr>) -> Router {
    let shown = Shown { platform: platform.clone(), address, started: Instant::now() };
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/info", get(info))
        .route("/log-level", get(log_level).put(set_log_level).layer(DefaultBodyLimit::max(LONGEST_FILTER)))
        .with_state(shown)
}

async fn readyz(State(shown): State<Shown>) -> impl IntoResponse {
    let missing = shown.platform.readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines = missing.iter().map(|name| format!("waiting for {name}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], shown.platform.metrics.text())
}

/// What is logged.
async fn log_level(State(shown): State<Shown>) -> Response {
    match shown.platform.log_level.get() {
        Ok(filter) => format!("{filter}\n").into_response(),
        Err(error) => refusal(&error),
    }
}

/// Changes what is logged, until the process ends: `curl -X PUT --data info,madang_orders=debug …/log-level`.
async fn set_log_level(State(shown): State<Shown>, filter: String) -> Response {
    match shown.platform.log_level.set(filter.trim()) {
        Ok(()) => log_level(State(shown)).await,
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &LevelError) -> Response {
    let status = match error {
        LevelError::Filter(_) => StatusCode::BAD_REQUEST,
        LevelError::NoLog => StatusCode::CONFLICT,
    };
    (status, format!("{error}\n")).into_response()
}

async fn info(State(shown): State<Shown>) -> impl IntoResponse {
    let missing = shown.platform.readiness.missing();
    Json(Info {
        service: shown.platform.service.name,
        version: shown.platform.service.version,
        address: shown.address,
        ready: missing.is_empty(),
        missing,
        uptime_seconds: shown.started.elapsed().as_secs(),
    })
}
