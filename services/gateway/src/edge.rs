//! What holds for every request, of whatever protocol.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use madang_api::error::retry_later;
use madang_chassis::{Platform, trace};
use madang_types::Ids;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

use crate::Limits;
use crate::grpc::Protocol;
use crate::problem::{self, Problem, RATE_LIMITED};

mod client;
mod rate;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, a UUID: on its answer, in the logs, and sent to the services behind.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue, String);

impl RequestId {
    /// Takes only a UUID from outside: whatever else is sent would stand in the logs.
    fn of(headers: &HeaderMap, ids: &dyn Ids) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| id.len() == 36);
        Self::new(given.and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_else(|| ids.uuid()))
    }

    fn new(id: Uuid) -> Self {
        let text = id.to_string();
        // The text of a UUID is always a header's value.
        let value = HeaderValue::try_from(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self(value, text)
    }

    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self::new(Uuid::nil())
    }

    /// Names the request in its answer.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.0);
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.1
    }
}

/// What the edge knows.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    ids: Arc<dyn Ids>,
    trusted_hops: u8,
    clients: Arc<Mutex<rate::Clients>>,
}

impl Edge {
    pub(crate) fn new(limits: &Limits, platform: &Platform) -> Self {
        Self {
            ids: Arc::clone(&platform.ids),
            trusted_hops: limits.trusted_hops,
            clients: Arc::new(Mutex::new(rate::Clients::new(limits.rate_limit, limits.rate_burst))),
        }
    }

    /// Takes a request in, stripped of what only the inside may say and with its id.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED RATE_LIMITED for a client that asks too much.
    pub(crate) fn admit<B>(&self, request: &mut Request<B>, id: &RequestId) -> Result<(), Status> {
        let client = client::of(request, self.trusted_hops);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .admit(client, Instant::now())
            .map_err(|wait| retry_later(RATE_LIMITED, "this client sends more requests than it may", wait))?;
        drop(clients);
        strip(request.headers_mut());
        request.headers_mut().insert(REQUEST_ID, id.0.clone());
        Ok(())
    }

    /// The id of a request.
    pub(crate) fn id<B>(&self, request: &Request<B>) -> RequestId {
        RequestId::of(request.headers(), &*self.ids)
    }
}

/// Goes around everything but gRPC itself: knows the request by an id, strips what only the inside may say, limits its client,
/// and writes problems.
pub(crate) async fn around(State(edge): State<Edge>, mut request: Request<Body>, next: Next) -> Response {
    let id = edge.id(&request);
    // The span is the chassis's, which takes any id.
    trace::request(id.as_str());
    let mut response = match edge.admit(&mut request, &id) {
        Ok(()) => {
            request.extensions_mut().insert(id.clone());
            next.run(request).await
        }
        Err(status) => match Protocol::of(request.headers()) {
            Some(protocol) => protocol.refusal(status),
            None => Problem::from(status).into_response(),
        },
    };
    problem::render(&mut response, &id);
    id.tell(response.headers_mut());
    response
}

/// Takes out what services believe of each other and of the mesh.
fn strip(headers: &mut HeaderMap) {
    let inside = |name: &HeaderName| name.as_str().starts_with("madang-") || name == "x-envoy-attempt-count";
    let names: Vec<HeaderName> = headers.keys().filter(|name| inside(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}
