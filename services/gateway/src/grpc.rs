//! gRPC and gRPC-Web: what the allow-list names is passed on as bytes, the rest is refused.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body as AxumBody;
use axum::response::{IntoResponse, Response};
use futures::future::Either;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_api::notifications::v1::notifications_service_server::NotificationsServiceServer;
use madang_api::orders::v1::orders_service_server::OrdersServiceServer;
use madang_chassis::server::{Error, RpcService, is_grpc};
use madang_chassis::{Platform, Server, ServerArgs};
use tonic::Status;
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service, ServiceExt};

use crate::edge::{self, RequestId};
use crate::problem::{Problem, UNSUPPORTED_MEDIA_TYPE};
use crate::{Clients, Config};

mod allowed;
mod body;
mod forward;

use forward::Forward;

/// What passes calls on, where the allow-list names them.
#[derive(Clone, Debug)]
pub(crate) struct Guarded(RpcService);

impl Guarded {
    /// Has health and reflection of its own, which list the passed services only.
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
        Ok(Self(rpc))
    }
}

/// gRPC itself, over HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    edge: edge::Edge,
    grpc: Guarded,
}

impl Calls {
    /// What holds for every request, around what passes calls on.
    pub(crate) fn new(edge: edge::Edge, grpc: Guarded) -> Self {
        Self { edge, grpc }
    }
}

impl Service<Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Told;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Told {
        let id = self.edge.id(&request);
        let answer = match self.edge.admit(&mut request, &id) {
            Ok(()) => self.grpc.call(request),
            Err(refusal) => Either::Left(ready(Ok(refusal.into_http()))),
        };
        Told { answer, id: Some(id) }
    }
}

/// What a call is answered, with its id.
pub(crate) struct Told {
    answer: Passed,
    id: Option<RequestId>,
}

impl Future for Told {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = ready!(Pin::new(&mut self.answer).poll(cx))?;
        if let Some(id) = self.id.take() {
            id.tell(answer.headers_mut());
        }
        Poll::Ready(Ok(answer))
    }
}

/// What is on no other route: a call by gRPC-Web, or a path that does not exist.
#[derive(Clone)]
pub(crate) struct Rest(GrpcWebService<Guarded>);

impl Rest {
    pub(crate) fn new(grpc: Guarded) -> Self {
        Self(GrpcWebLayer::new().layer(grpc))
    }

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
            // Over HTTP/2 it does not come here.
            Some(Protocol::Grpc) => {
                let detail = "gRPC needs HTTP/2; over HTTP/1.1 send application/grpc-web";
                Problem::new(StatusCode::BAD_REQUEST, "HTTP2_REQUIRED", detail).into_response()
            }
            Some(Protocol::Web(_)) => match self.0.oneshot(request.map(Body::new)).await {
                Ok(response) => response.map(AxumBody::new),
                Err(never) => match never {},
            },
        }
    }
}

type Passed =
    Either<Ready<Result<http::Response<Body>, Infallible>>, <RpcService as Service<Request<Body>>>::Future>;

impl Service<Request<Body>> for Guarded {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Passed;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Passed {
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
            _ => is_grpc(headers).then_some(Self::Grpc),
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
