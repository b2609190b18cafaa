use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Connector;
use super::connector::PIPE_BYTES;
use crate::ReadyGuard;

/// A connection: bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

type BoxStream = Pin<Box<dyn Stream<Item = io::Result<Box<dyn Io>>> + Send>>;

/// How long to leave a listener alone that cannot accept, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be accepted in memory.
const BACKLOG: usize = 64;

/// Where connections come from. Dropping it refuses further ones.
pub struct Listener {
    source: Source,
    /// Held until connections are accepted.
    starting: Option<ReadyGuard>,
}

enum Source {
    Tcp(TcpListener),
    Stream(BoxStream),
}

/// A connection that came in.
pub(crate) struct Incoming {
    pub(crate) io: Box<dyn Io>,
    pub(crate) peer: Option<SocketAddr>,
}

impl Listener {
    /// Listens on TCP; port 0 lets the system choose.
    ///
    /// # Errors
    /// As the system says, most often that the address is in use.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { source: Source::Tcp(listener), starting: None })
    }

    /// Listens in memory; the connector reaches it under every host name.
    pub fn memory() -> (Self, Connector) {
        let (sender, listener) = Self::pipe();
        let connector = Connector::from_fn(move |_| {
            let sender = sender.clone();
            async move { dial(sender).await }
        });
        (listener, connector)
    }

    /// Takes connections from any stream, such as the simulation's.
    pub fn from_stream<S, T>(stream: S) -> Self
    where
        S: Stream<Item = io::Result<T>> + Send + 'static,
        T: Io,
    {
        let stream = stream.map(|io| io.map(|io| Box::new(io) as Box<dyn Io>));
        Self { source: Source::Stream(Box::pin(stream)), starting: None }
    }

    /// Where it listens; none in memory.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.source {
            Source::Tcp(listener) => listener.local_addr().ok(),
            Source::Stream(_) => None,
        }
    }

    pub(super) fn pipe() -> (mpsc::Sender<DuplexStream>, Self) {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        (sender, Self::from_stream(tokio_stream::wrappers::ReceiverStream::new(receiver).map(Ok)))
    }

    /// The process is not ready before it accepts here.
    pub(crate) fn before_ready(self, starting: ReadyGuard) -> Self {
        Self { starting: Some(starting), ..self }
    }

    /// The next connection; none when there will be no more.
    pub(crate) async fn accept(&mut self) -> Option<Incoming> {
        drop(self.starting.take());
        loop {
            match self.try_accept().await? {
                Ok(incoming) => return Some(incoming),
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn try_accept(&mut self) -> Option<io::Result<Incoming>> {
        match &mut self.source {
            Source::Tcp(listener) => Some(listener.accept().await.map(|(stream, peer)| {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "cannot set TCP_NODELAY");
                }
                Incoming { io: Box::new(stream), peer: Some(peer) }
            })),
            Source::Stream(stream) => stream.next().await.map(|io| io.map(|io| Incoming { io, peer: None })),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.local_addr()).finish()
    }
}

pub(super) async fn dial(sender: mpsc::Sender<DuplexStream>) -> io::Result<DuplexStream> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    sender.send(far).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
    Ok(near)
}

/// Whether only this one connection failed, before it was accepted.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}
