//! TLS to the server. There is none that is not checked: the certificate against an authority, and the host against the
//! certificate.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::Cause;

mod binding;
mod roots;

pub(crate) use roots::{BadRoots, Roots, authorities};

/// The server is not asked yet.
const NOTHING: u8 = 0;
/// It is asked whether it speaks TLS.
const ASKED: u8 = 1;
/// It agreed.
const AGREED: u8 = 2;

/// How one connection is secured.
#[derive(Clone)]
pub(super) struct Tls {
    config: Option<Arc<ClientConfig>>,
    /// How far the last attempt came.
    step: Arc<AtomicU8>,
}

impl Tls {
    /// Not at all.
    pub(super) fn off() -> Self {
        Self { config: None, step: Arc::default() }
    }

    /// By a certificate that one of these has signed.
    pub(super) fn trusting(
        authorities: RootCertStore,
        negotiation: SslNegotiation,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(authorities).with_no_client_auth();
        if negotiation == SslNegotiation::Direct {
            // Without it a server takes no TLS that was not asked for first.
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Self { config: Some(Arc::new(config)), step: Arc::default() })
    }

    /// Whether TLS is wanted, and the server was asked for it and did not agree.
    pub(super) fn is_missed(&self) -> bool {
        self.config.is_some() && self.step.load(Ordering::SeqCst) == ASKED
    }
}

/// What the client checks, below an error of any layer.
pub(super) fn refusal<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = wrapped.and_then(|wrapped| wrapped.downcast_ref());
        if let Some(found) = found.or_else(|| inner.downcast_ref()) {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Secured;
    type TlsConnect = Handshake;
    type Error = Cause;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Cause> {
        self.step.store(NOTHING, Ordering::SeqCst);
        let step = Arc::clone(&self.step);
        let Some(config) = &self.config else { return Ok(Handshake { with: None, step }) };
        let name = ServerName::try_from(host.to_owned())?;
        step.store(ASKED, Ordering::SeqCst);
        Ok(Handshake { with: Some((Arc::clone(config).into(), name)), step })
    }
}

/// One host's turn.
pub(super) struct Handshake {
    with: Option<(TlsConnector, ServerName<'static>)>,
    step: Arc<AtomicU8>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Secured;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, Cause>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        self.step.store(AGREED, Ordering::SeqCst);
        Box::pin(async move {
            let Some((connector, name)) = self.with else { return Err("TLS is off".into()) };
            Ok(Secured(Box::new(connector.connect(name, socket).await?)))
        })
    }
}

/// A socket that TLS is spoken on.
pub(super) struct Secured(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = self.0.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let hash = certificate.and_then(|certificate| binding::end_point(certificate));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
