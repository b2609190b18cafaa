//! The connection to NATS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use madang_chassis::Platform;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::TransportArgs;
use crate::BATCH;
use crate::backoff::Backoff;

/// How long a request to JetStream, and the acknowledgement of a message, may take.
const ANSWER: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(2);
/// A peer that does not answer two of these is dead.
const PING: Duration = Duration::from_secs(5);
/// How long a subscription waits for the first connection.
const BEGIN: Duration = Duration::from_millis(500);
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often the connection's state is looked at besides its events, of which the client may drop some.
const LOOK: Duration = Duration::from_secs(1);

/// Why the settings of the transport cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A file that a setting names cannot be read, or is not what it should be.
    #[error("{setting}: {} cannot be used", path.display())]
    File {
        /// The flag.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: io::Error,
    },
    /// The client refuses the settings.
    #[error("the NATS client cannot be made")]
    Client(#[source] async_nats::ConnectError),
}

/// A connection that is made again for ever.
#[derive(Clone)]
pub(crate) struct Nats {
    client: Client,
    context: Context,
    /// Counts the connections lost.
    lost: watch::Receiver<u64>,
    pub(super) replicas: u8,
    pub(super) by_nats: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("state", &self.client.connection_state()).finish_non_exhaustive()
    }
}

impl Nats {
    pub(super) async fn connect(
        args: &TransportArgs,
        platform: &Platform,
    ) -> Result<Option<Self>, TransportError> {
        if args.nats_url.is_empty() {
            return Ok(None);
        }
        let (sender, lost) = watch::channel(0);
        let options = follow(secured(args).await?, sender, platform)
            .name(platform.service.name)
            .retry_on_initial_connect()
            .connection_timeout(CONNECT)
            .request_timeout(Some(ANSWER))
            .ping_interval(PING);
        let addresses: Vec<_> = args.nats_url.iter().map(super::NatsUrl::address).collect();
        let client = options.connect(addresses).await.map_err(TransportError::Client)?;
        let context = ContextBuilder::new().timeout(ANSWER).build(client.clone());
        let by_nats = Family::default();
        Ok(Some(Self { client, context, lost, replicas: args.nats_replicas, by_nats }))
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// A context for one session of a publisher. The client keeps the places of messages whose acknowledgement nobody waits for
    /// any more until their time is over: in a context that sessions share, those of a lost one would hold up the next.
    pub(super) fn publishing(&self) -> Context {
        let context = ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).max_ack_inflight(BATCH);
        context.build(self.client.clone())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Waits for the connection.
    pub(super) async fn connected(&self) {
        while !self.is_connected() {
            tokio::time::sleep(RECONNECT.0).await;
        }
    }

    /// Gives the first connection a moment; one that was there and is lost is not waited for.
    pub(super) async fn begun(&self) {
        let first = async {
            while self.client.connection_state() == State::Pending {
                tokio::time::sleep(RECONNECT.0).await;
            }
        };
        let _known = tokio::time::timeout(BEGIN, first).await.is_ok();
    }

    /// Waits until the connection that is there now is lost.
    pub(super) fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut lost, client) = (self.lost.clone(), self.client.clone());
        lost.mark_unchanged();
        async move {
            while client.connection_state() == State::Connected {
                tokio::select! {
                    _lost = lost.changed() => return,
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }
}

async fn secured(args: &TransportArgs) -> Result<ConnectOptions, TransportError> {
    let file = |setting, path: &Path| {
        let path = path.to_owned();
        move |cause| TransportError::File { setting, path, cause }
    };
    let mut options = ConnectOptions::new();
    if let Some(path) = &args.nats_credentials {
        options = options.credentials_file(path).await.map_err(file("--nats-credentials", path))?;
    }
    if let (Some(user), Some(path)) = (&args.nats_user, &args.nats_password_file) {
        let password = std::fs::read_to_string(path).map_err(file("--nats-password-file", path))?;
        options = options.user_and_password(user.clone(), password.trim_end().to_owned());
    }
    if let Some(path) = &args.nats_ca {
        let pem = std::fs::read_to_string(path).map_err(file("--nats-ca", path))?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            let cause = io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate in PEM");
            return Err(file("--nats-ca", path)(cause));
        }
        // The client reads it at each connection: a renewed authority needs no restart.
        options = options.add_root_certificates(path.clone()).require_tls(true);
    }
    Ok(options)
}

/// Tells in the log of each connection that is lost and made, and of the first failure between the two.
fn follow(options: ConnectOptions, lost: watch::Sender<u64>, platform: &Platform) -> ConnectOptions {
    let told = Arc::new(Mutex::new(false));
    let tell = move |event: Event| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(event, Event::Connected) {
            *told = false;
            tracing::info!("connected to NATS");
        } else if matches!(event, Event::Disconnected) {
            lost.send_modify(|count| *count += 1);
            tracing::warn!("the connection to NATS is lost; events go by the feed until it is back");
        } else if std::mem::replace(&mut *told, true) {
            tracing::debug!(cause = %event, "NATS failed again");
        } else {
            tracing::warn!(cause = %event, "NATS failed");
        }
    };
    let ids = Arc::clone(&platform.ids);
    let pause = move |failures: usize| Backoff::pause_after(&*ids, RECONNECT, failures);
    let tell = Arc::new(tell);
    options.reconnect_delay_callback(pause).event_callback(move |event| {
        tell(event);
        std::future::ready(())
    })
}
