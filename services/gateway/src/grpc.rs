//! gRPC and gRPC-Web: what the allow-list names is passed on as bytes, the rest is refused.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::Either;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version, header};
use http_body::Body as HttpBody;
use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_api::notifications::v1::notifications_service_server::NotificationsServiceServer;
use madang_api::orders::v1::orders_service_server::OrdersServiceServer;
use madang_chassis::server::{Error, RpcService};
use madang_chassis::{Platform, Server, ServerArgs};
use tonic::Status;
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service, ServiceExt};

use crate::problem::{Problem, UNSUPPORTED_MEDIA_TYPE};
use crate::{Clients, Config};

mod allowed;
mod body;
mod forward;

use forward::Forward;

/// The gRPC side of the edge.
#[derive(Clone)]
pub(crate) struct Edge {
    grpc: Guarded,
    web: GrpcWebService<Guarded>,
}

impl Edge {
    /// Passes calls on; has health and reflection of its own, which list the passed services only.
    ///
    /// # Errors
    /// As the chassis says.
    pub(crate) fn new(config: &Config, upstreams: &Clients, platform: &Platform) -> Result<Self, Error> {
        // Nobody outside says what the absolute deadline is, and nobody harms the edge.
        let args = ServerArgs { trust_deadline: false, faults: false, ..config.server.clone() };
        let timeout = config.limits.call_timeout;
        let (catalog, orders) = (upstreams.catalog.clone(), upstreams.orders.clone());
        let rpc = Server::new(platform, &args)
            .add_service(Forward::<CatalogServiceServer<()>>::new(catalog, timeout))
            .add_service(Forward::<OrdersServiceServer<()>>::new(orders, timeout))
            .add_service(Forward::<NotificationsServiceServer<()>>::new(
                upstreams.notifications.clone(),
                timeout,
            ))
            .into_service()?;
        let grpc = Guarded(rpc);
        Ok(Self { web: GrpcWebLayer::new().layer(grpc.clone()), grpc })
    }

    /// Answers what is on no other route: a call, or a path that does not exist.
    pub(crate) async fn answer(self, request: Request<AxumBody>) -> Response {
        match Protocol::of(request.headers()) {
            None if is_other_web(request.headers()) => {
                let detail =
                    "gRPC-Web is taken as application/grpc-web or application/grpc-web+proto, binary";
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, UNSUPPORTED_MEDIA_TYPE, detail)
                    .into_response()
            }
            None => Problem::new(StatusCode::NOT_FOUND, "UNKNOWN_PATH", "there is nothing at this path")
                .into_response(),
            Some(Protocol::Grpc) if request.version() != Version::HTTP_2 => {
                let detail = "gRPC needs HTTP/2; over HTTP/1.1 send application/grpc-web";
                Problem::new(StatusCode::BAD_REQUEST, "HTTP2_REQUIRED", detail).into_response()
            }
            Some(Protocol::Grpc) => told(self.grpc.oneshot(request.map(Body::new)).await),
            Some(Protocol::Web(_)) => told(self.web.oneshot(request.map(Body::new)).await),
        }
    }
}

fn told<B>(answer: Result<http::Response<B>, Infallible>) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    match answer {
        Ok(response) => response.map(AxumBody::new),
        Err(never) => match never {},
    }
}

/// Refuses what the allow-list does not name.
#[derive(Clone, Debug)]
struct Guarded(RpcService);

impl Service<Request<Body>> for Guarded {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        Either<Ready<Result<Self::Response, Infallible>>, <RpcService as Service<Request<Body>>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match allowed::check(request.uri().path()) {
            Ok(()) => Either::Right(self.0.call(request)),
            Err(refusal) => Either::Left(ready(Ok(refusal.into_http()))),
        }
    }
}

/// How a call came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// gRPC.
    Grpc,
    /// gRPC-Web, with the content type of the request.
    Web(HeaderValue),
}

impl Protocol {
    /// Tells by the content type; none for what is no call, and for gRPC-Web as text.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?;
        match value.as_bytes() {
            b"application/grpc-web" | b"application/grpc-web+proto" => Some(Self::Web(value.clone())),
            b"application/grpc" => Some(Self::Grpc),
            other => other.starts_with(b"application/grpc+").then_some(Self::Grpc),
        }
    }

    /// A refusal without a message: its status stands in the headers, in both protocols.
    pub(crate) fn refusal(self, status: Status) -> Response {
        let mut response = status.into_http::<AxumBody>();
        if let Self::Web(content_type) = self {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        response
    }
}

/// Whether this is gRPC-Web in a form that is not taken: what tonic-web makes of its text never reaches a service, because
/// its length stays that of the text.
fn is_other_web(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc-web"))
}
