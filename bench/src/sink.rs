//! A collector that takes everything and reads nothing, so that what it costs is not measured.

use std::convert::Infallible;
use std::net::SocketAddr;

use anyhow::Result;
use bytes::Buf;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

/// A collector, until it is dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Sink {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tonic::transport::Server::builder()
            .add_service(Collector)
            .serve_with_incoming(TcpListenerStream::new(listener));
        let mut server = JoinSet::new();
        server.spawn(async move { drop(serving.await) });
        Ok(Self { address, _server: server })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[derive(Clone, Copy, Debug)]
struct Collector;

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

type Answer = http::Response<tonic::body::Body>;

impl tonic::codegen::Service<http::Request<tonic::body::Body>> for Collector {
    type Response = Answer;
    type Error = Infallible;
    type Future = tonic::codegen::BoxFuture<Answer, Infallible>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut server = Grpc::new(Nothing).apply_max_message_size_config(Some(usize::MAX), None);
            Ok(server.unary(Collector, request).await)
        })
    }
}

impl UnaryService<()> for Collector {
    type Response = ();
    type Future = std::future::Ready<Result<Response<()>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(())))
    }
}

/// Skips what comes and sends an empty message.
#[derive(Clone, Copy, Debug, Default)]
struct Nothing;

impl Codec for Nothing {
    type Encode = ();
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Nothing {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Nothing {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        source.advance(source.remaining());
        Ok(Some(()))
    }
}
