//! Asks admin ports.

use std::time::Duration;

use axum::http::{Request, StatusCode, Uri, header};
use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use madang_chassis::{Connector, chain};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use crate::Target;

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than `/info` ever says.
const MAX_ANSWER: usize = 64 * 1024;

/// What was found at an admin port.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) admin_url: String,
    #[serde(flatten)]
    pub(crate) state: State,
}

/// How a service is.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum State {
    /// It takes calls.
    Ready(Info),
    /// It runs and waits for something, or ends.
    NotReady(Info),
    /// Nothing is known of it.
    NotReachable {
        /// Why, for people.
        cause: String,
    },
}

/// What a service says of itself.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Info {
    #[serde(skip_serializing)]
    service: String,
    pub(crate) version: String,
    /// Where it serves.
    pub(crate) address: Option<String>,
    /// What it waits for.
    pub(crate) missing: Vec<String>,
    pub(crate) uptime_seconds: u64,
}

/// Asks all at once; takes a second at most.
pub(crate) async fn all(targets: &[Target], connector: &Connector) -> Vec<Found> {
    join_all(targets.iter().map(|target| one(target, connector))).await
}

async fn one(target: &Target, connector: &Connector) -> Found {
    let asked = tokio::time::timeout(PATIENCE, ask(target, connector)).await;
    let state = asked.unwrap_or(Err(Error::Slow)).unwrap_or_else(|error| {
        tracing::debug!(probe.service = target.name, error = chain(&error), "a service is not reachable");
        State::NotReachable { cause: chain(&error) }
    });
    Found { name: target.name.clone(), admin_url: target.admin_url.to_string(), state }
}

/// Why a service is not reachable.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no answer within {PATIENCE:?}")]
    Slow,
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    #[error("/info answered {0}")]
    Status(StatusCode),
    #[error("/info cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("/info is not what a service of Madang says")]
    Json(#[from] serde_json::Error),
    #[error("{0} answers here")]
    Other(String),
}

async fn ask(target: &Target, connector: &Connector) -> Result<State, Error> {
    let io = connector.clone().oneshot(target.admin_url.clone()).await.map_err(Error::Connect)?;
    let (sender, connection) = http1::handshake(io).await?;
    tokio::select! {
        asked = talk(target, sender) => asked,
        ended = connection => Err(ended.err().map_or(Error::Slow, Error::Http)),
    }
}

async fn talk(target: &Target, mut sender: SendRequest<Empty<Bytes>>) -> Result<State, Error> {
    let info = sender.send_request(request(&target.admin_url, "/info")).await?;
    if info.status() != StatusCode::OK {
        return Err(Error::Status(info.status()));
    }
    let body = Limited::new(info.into_body(), MAX_ANSWER).collect().await.map_err(Error::Body)?;
    let info: Info = serde_json::from_slice(&body.to_bytes())?;
    if info.service != target.name {
        return Err(Error::Other(info.service));
    }
    sender.ready().await?;
    // What the mesh and the cluster go by.
    let ready = sender.send_request(request(&target.admin_url, "/readyz")).await?.status();
    Ok(if ready == StatusCode::OK { State::Ready(info) } else { State::NotReady(info) })
}

fn request(admin_url: &Uri, path: &'static str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from_static(path);
    let host = admin_url.authority().map(|authority| authority.as_str());
    if let Some(host) = host.and_then(|host| host.parse().ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}
