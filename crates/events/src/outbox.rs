mod feed;
pub(crate) mod log;
mod relay;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use madang_api::events::v1::event_feed_service_server::EventFeedServiceServer;
use madang_chassis::Platform;
use madang_db::{Db, Tx};
use tokio::sync::watch;

pub use feed::Feed;
pub(crate) use turn::Turn;

use crate::transport::Publisher;
use crate::{GATHER, NewEvent, Transport};

/// How the outbox is served. The default is the one of CONSISTENCY.md.
#[derive(Debug, Clone)]
pub struct OutboxConfig {
    /// What is published so soon after a commit of the relay waits for the next.
    pub gather: Duration,
    /// How often the relay looks for rows that no one of this process announced.
    pub poll: Duration,
    /// How long stamped rows stay.
    pub retention: SignedDuration,
    /// How often rows past the retention are pruned.
    pub prune_every: Duration,
    /// Readers of the feed at once; one more gets RESOURCE_EXHAUSTED OVERLOADED.
    pub subscribers: usize,
    /// What carries the events besides the feed, as a stream that has the platform's service for its name.
    pub transport: Transport,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            gather: GATHER,
            poll: Duration::from_millis(500),
            retention: SignedDuration::from_hours(7 * 24),
            prune_every: Duration::from_secs(60),
            subscribers: 64,
            transport: Transport::default(),
        }
    }
}

/// Publishes an event if and only if the caller's transaction commits, and wakes the relay then.
///
/// Call it after the guarded update of the aggregate: that is what makes the events of one key stand in the order of its
/// states.
///
/// # Errors
/// Those of the database.
pub fn publish(tx: &mut Tx<'_>, event: &NewEvent) -> Result<(), madang_db::Error> {
    log::insert(tx, event)?;
    tx.raise();
    Ok(())
}

/// What this service publishes: its relay, its pruning and its feed.
#[derive(Debug)]
pub struct Outbox {
    feed: Arc<feed::Shared>,
    last: watch::Receiver<i64>,
}

impl Outbox {
    /// Starts the relay, the pruning and, where there is a transport, the publisher to it; they end with the platform's
    /// shutdown.
    pub fn start(db: &Db, platform: &Platform, config: &OutboxConfig) -> Self {
        let (sender, last) = watch::channel(0);
        let turn = Turn::race(db, platform);
        let relay = relay::Relay::new((db, turn.clone()), platform, config, sender);
        let pruning = relay::Pruning::new(db, platform, config);
        platform.tasks.spawn("outbox-relay", relay.run());
        platform.tasks.spawn("outbox-pruning", pruning.run());
        if let Some(nats) = config.transport.nats() {
            let publisher = Publisher::new((db, turn), nats, platform, last.clone());
            platform.tasks.spawn("outbox-publisher", publisher.run());
        }
        let feed = feed::Shared::new(db.clone(), last.clone(), platform.shutdown.clone(), config.subscribers);
        Self { feed: Arc::new(feed), last }
    }

    /// The feed, to be added to the server.
    pub fn feed(&self) -> EventFeedServiceServer<Feed> {
        EventFeedServiceServer::new(Feed::new(Arc::clone(&self.feed)))
    }

    /// The last position given, as this process knows it; 0 for an empty log.
    pub fn last_position(&self) -> watch::Receiver<i64> {
        self.last.clone()
    }
}
