use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Carrier, Io};

/// What an in-memory connection holds in each direction before its writer waits.
pub(super) const PIPE_BYTES: usize = 64 * 1024;

type Dial = dyn Fn(Uri) -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>> + Send + Sync;

/// How calls leave: a function from a URI to a connection, and who takes each call there.
#[derive(Clone)]
pub struct Connector {
    dial: Arc<Dial>,
    carrier: Option<Arc<dyn Carrier>>,
}

impl Connector {
    /// Over TCP, to the URI's host and port (80 where there is none).
    pub fn tcp() -> Self {
        Self::from_fn(|uri| async move {
            let host = uri.host().ok_or_else(|| io::Error::other(format!("{uri} has no host")))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }

    /// By any function, such as the simulation's.
    pub fn from_fn<F, Fut, T>(dial: F) -> Self
    where
        F: Fn(Uri) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<T>> + Send + 'static,
        T: Io,
    {
        let dial = move |uri| {
            let connecting = dial(uri);
            let connecting = async move { connecting.await.map(|io| Box::new(io) as Box<dyn Io>) };
            Box::pin(connecting) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        Self { dial: Arc::new(dial), carrier: None }
    }

    /// The same, with every call of a [`Client`](crate::Client) taken to its channel by this carrier.
    #[must_use]
    pub fn carried_by(self, carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier: Some(carrier), ..self }
    }

    pub(crate) fn carrier(&self) -> Option<Arc<dyn Carrier>> {
        self.carrier.clone()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Io>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = (self.dial)(uri);
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}
