use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{Method, StatusCode, header};
use madang_types::Ids;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::config::ServerArgs;
use crate::server::request_id;
use crate::trace::TraceContext;
use crate::{Metrics, Platform, trace};

/// What is done around every request.
#[derive(Clone)]
pub(super) struct Observer {
    ids: Arc<dyn Ids>,
    metrics: Metrics,
    places: Arc<Semaphore>,
}

impl Observer {
    pub(super) fn new(platform: &Platform, args: &ServerArgs) -> Self {
        let places = Semaphore::new(usize::from(args.max_concurrency.get()));
        Self { ids: Arc::clone(&platform.ids), metrics: platform.metrics.clone(), places: Arc::new(places) }
    }
}

pub(super) async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let grpc = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if request.headers().get(header::CONTENT_TYPE).is_some_and(grpc) {
        return next.run(request).await;
    }
    // Routes are bounded, paths are not.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let request_id = request_id(request.headers(), &*observer.ids);
    let span = tracing::info_span!(
        "http",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.method = method,
        http.route = route,
        http.status = tracing::field::Empty,
        request_id = &*request_id,
        trace_id = tracing::field::Empty,
    );
    let context = trace::adopt(&span, TraceContext::of(request.headers()), &*observer.ids);
    let mut timing = observer.metrics.http().request(method, route);
    timing.belongs_to(&context);
    let answered = answer(&observer, request, next, &request_id);
    let answer = trace::scope(context, answered.instrument(span.clone())).await;
    timing.end(answer.status());
    span.record("http.status", answer.status().as_u16());
    answer
}

async fn answer(observer: &Observer, request: Request, next: Next, request_id: &str) -> Response {
    let Ok(_place) = observer.places.try_acquire() else {
        let later = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, later, "busy; come again\n").into_response();
    };
    // The panic hook has logged it by then.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_logged| {
        let text = format!("internal error; the request id is {request_id}\n");
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    })
}

/// Callers choose methods too.
fn method(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let names = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
