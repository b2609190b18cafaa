//! What a service says once to have events: its settings, and what it publishes and consumes.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use madang_chassis::{Client, Platform};
use madang_db::Db;
use tonic::transport::Uri;

use crate::{
    Consumers, ConsumersConfig, FeedSource, Handler, Outbox, OutboxConfig, Subscription, Transport,
    TransportArgs, TransportError, requests,
};

/// The longest pause between two prunings.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// The settings of a service's events; flatten them into its flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Events")]
pub struct EventsArgs {
    /// What carries them.
    #[command(flatten)]
    pub transport: TransportArgs,
    /// How long they are kept.
    #[command(flatten)]
    pub retention: RetentionArgs,
}

/// How long a service keeps what only repeats need.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Events")]
pub struct RetentionArgs {
    /// How long published events and clients' request_ids are kept. The API promises 7 days, so shorter is for tests
    #[arg(
        long,
        env = "MADANG_RETENTION",
        value_name = "DURATION",
        default_value = "168h",
        hide = true,
        value_parser = madang_chassis::config::duration
    )]
    pub retention: Duration,
}

impl Default for RetentionArgs {
    fn default() -> Self {
        Self { retention: requests::RETENTION }
    }
}

impl RetentionArgs {
    /// Forgets clients' request_ids in the background when their time is over.
    pub fn prune_requests(self, db: &Db, platform: &Platform) {
        requests::start_pruning(db, platform, self.retention, self.prune_every());
    }

    fn prune_every(self) -> Duration {
        (self.retention / 4).clamp(Duration::from_millis(100), PRUNE_EVERY)
    }
}

/// A service's part in events: starts what publishes and what consumes, over one transport.
#[derive(Debug)]
pub struct Events {
    db: Db,
    platform: Platform,
    transport: Transport,
    retention: RetentionArgs,
}

impl Events {
    /// Reads the settings and connects to the transport in the background.
    ///
    /// # Errors
    /// [`TransportError`]: a file of the settings cannot be used.
    pub async fn connect(args: &EventsArgs, db: &Db, platform: &Platform) -> Result<Self, TransportError> {
        let transport = Transport::connect(&args.transport, platform).await?;
        Ok(Self { db: db.clone(), platform: platform.clone(), transport, retention: args.retention })
    }

    /// Starts to publish what is in the outbox.
    pub fn publish(&self) -> Outbox {
        let config = OutboxConfig {
            retention: SignedDuration::try_from(self.retention.retention).unwrap_or(SignedDuration::MAX),
            prune_every: self.retention.prune_every(),
            transport: self.transport.clone(),
            ..OutboxConfig::default()
        };
        Outbox::start(&self.db, &self.platform, &config)
    }

    /// A producer's events: by the transport, with the feed behind `url` beside it, to `handler`.
    pub fn from(&self, producer: &'static str, url: Uri, handler: impl Handler) -> Subscription {
        let feed = FeedSource::new(Client::new(url, &self.platform), &self.platform);
        let source = self.transport.source(producer, feed, &self.platform);
        Subscription { producer, source, handler: Arc::new(handler) }
    }

    /// Starts to consume.
    pub fn consume(&self, subscriptions: Vec<Subscription>) -> Consumers {
        Consumers::start(&self.db, &self.platform, subscriptions, &ConsumersConfig::default())
    }
}
