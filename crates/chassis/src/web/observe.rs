use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{Method, StatusCode, header};
use madang_types::Ids;
use tokio::sync::Semaphore;

use crate::config::ServerArgs;
use crate::server::request_id;
use crate::trace::{self, TraceContext, names};
use crate::{Metrics, Platform};

/// What is done around every request.
#[derive(Clone)]
pub(super) struct Observer {
    ids: Arc<dyn Ids>,
    metrics: Metrics,
    places: Arc<Semaphore>,
}

impl Observer {
    pub(super) fn new(platform: &Platform, args: &ServerArgs) -> Self {
        platform.metrics.show_http();
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
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str);
    let (method, route) = (method(request.method()), Arc::<str>::from(route));
    let request_id = request_id(request.headers(), &*observer.ids);
    let asked = TraceContext::of(request.headers());
    let (span, here) = trace::http((method, &route), &request_id, asked, &*observer.ids);
    let mut timing = observer.metrics.http().request(method, route.to_string());
    timing.belongs_to(&here.context());
    let answer = here.scope(answer(&observer, request, next, &request_id)).await;
    timing.end(answer.status());
    span.tell(|span| {
        span.add(names::HTTP_STATUS, i64::from(answer.status().as_u16()));
        if answer.status().is_server_error() {
            span.add(names::ERROR, answer.status().as_str()).fail();
        }
    });
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
