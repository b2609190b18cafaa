//! Clients that send exactly what a test says.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use madang_chassis::Io;
use serde_json::Value;
use tonic::Status;
use tower::Service;

use crate::shop::Shop;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        Self { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes(), trailers }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Asserts that it is a problem, and gives it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, reason: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["reason"].as_str()), (status, Some(reason)), "{problem}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.headers["x-request-id"].to_str().unwrap());
        for text in ["type", "title", "detail"] {
            assert!(!problem[text].as_str().unwrap().is_empty(), "{problem}");
        }
        problem
    }

    /// What a call was answered.
    pub(crate) fn grpc_status(&self) -> Status {
        let told = Status::from_header_map(&self.trailers).or_else(|| Status::from_header_map(&self.headers));
        told.unwrap()
    }
}

impl Shop {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, &[], "")).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let json = [("content-type", "application/json")];
        self.send(request(Method::POST, path, &[&json, headers].concat(), body)).await
    }

    /// Sends over HTTP/1.1.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        Answer::of(self.open_answer(request).await).await
    }

    /// The same, its body not yet read.
    pub(crate) async fn open_answer(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let (mut sender, connection) = http1::handshake(self.dial().await).await.unwrap();
        self.platform.tasks.spawn("connection", async move { drop(connection.await) });
        sender.send_request(request).await.unwrap()
    }

    /// Calls an RPC with the bytes of a message, over HTTP/2.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], message: &[u8]) -> Answer {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), self.dial().await).await.unwrap();
        self.platform.tasks.spawn("connection", async move { drop(connection.await) });
        let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
        let mut request = request(Method::POST, path, &[&grpc, headers].concat(), framed(message));
        *request.uri_mut() = format!("http://gateway{path}").parse().unwrap();
        Answer::of(sender.send_request(request).await.unwrap()).await
    }

    async fn dial(&self) -> TokioIo<Box<dyn Io>> {
        self.network.connector().call(Uri::from_static("http://gateway")).await.unwrap()
    }
}

pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", "gateway");
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Full::new(body.into())).unwrap()
}

/// A message as gRPC sends it.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}
