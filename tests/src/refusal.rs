//! A service that the test makes up, to refuse what a sound one would not.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use anyhow::Result;
use madang_api::error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::{Code, Status};

/// Payments that refuses every call; it ends when it is dropped.
#[derive(Debug)]
pub struct Refusal {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Refusal {
    /// Serves PaymentsService on a free port. Each method given refuses with its reason, every other one is UNIMPLEMENTED.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn of_payments(reasons: &[(&'static str, &'static str)]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = Server::builder().add_service(Payments(reasons.iter().copied().collect()));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ended = server.serve_with_incoming(TcpListenerStream::new(listener)).await.is_ok();
        });
        Ok(Self { address, _server: tasks })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[derive(Debug, Clone)]
struct Payments(BTreeMap<&'static str, &'static str>);

impl NamedService for Payments {
    const NAME: &'static str = "madang.payments.v1.PaymentsService";
}

impl Service<http::Request<Body>> for Payments {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let status = match self.0.get(method) {
            Some(reason) => error::status(Code::FailedPrecondition, reason, "made up by a test"),
            None => Status::unimplemented("made up by a test"),
        };
        ready(Ok(status.into_http()))
    }
}
