use std::sync::Arc;

use jiff::Timestamp;
use madang_chassis::metrics::Age;
use madang_chassis::{Platform, Shutdown, chain};
use madang_db::{Db, Kind};
use madang_types::Clock;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{OutboxConfig, Turn, log};
use crate::BATCH;
use crate::pace::Pace;

/// Gives positions to the rows of the outbox that have none, and tells the feed of new ones.
pub(super) struct Relay {
    db: Db,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    config: OutboxConfig,
    last: watch::Sender<i64>,
    turn: Turn,
    position: Gauge,
    unstamped: Gauge,
    oldest: Age,
}

impl Relay {
    pub(super) fn new(
        (db, turn): (&Db, Turn),
        platform: &Platform,
        config: &OutboxConfig,
        last: watch::Sender<i64>,
    ) -> Self {
        let gauge = |name, help| platform.metrics.register(name, help, Gauge::default());
        let help = "How long the oldest row of the outbox has waited for its position";
        let age = Age::new(&platform.clock);
        Self {
            db: db.clone(),
            clock: Arc::clone(&platform.clock),
            shutdown: platform.shutdown.clone(),
            config: config.clone(),
            last,
            turn,
            position: gauge("outbox_position", "The last position given"),
            unstamped: gauge("outbox_unstamped", "Rows of the outbox that wait for their position"),
            oldest: platform.metrics.register("outbox_unstamped_age_seconds", help, age),
        }
    }

    pub(super) async fn run(self) {
        let mut raised = self.db.raised();
        let (mut open, mut pace) = (true, Pace::new(self.config.gather));
        let mut due = pace.begin();
        loop {
            // Seen before the stamping: what is raised in the meantime makes it look again.
            raised.mark_unchanged();
            let mine = self.turn.is_mine();
            let more = if mine { self.stamp(due).await } else { self.look().await };
            if self.shutdown.has_begun() {
                return;
            }
            if more {
                due = Instant::now();
                continue;
            }
            pace.end();
            tokio::select! {
                () = self.shutdown.begun() => return,
                () = self.turn.begun(), if !mine => {}
                changed = raised.changed(), if open => open = changed.is_ok(),
                () = tokio::time::sleep(self.config.poll) => {}
            }
            due = tokio::select! {
                // What waits is stamped still.
                () = self.shutdown.begun() => Instant::now(),
                () = tokio::time::sleep_until(pace.ready()) => pace.begin(),
            };
        }
    }

    /// Learns what another replica stamped.
    async fn look(&self) -> bool {
        // Whoever stamps tells what waits.
        self.unstamped.set(0);
        self.oldest.set(None);
        match self.db.read(log::bounds).await {
            Ok(bounds) => self.know(bounds.last),
            Err(error) => tracing::debug!(error = chain(&error), "the last position cannot be read"),
        }
        false
    }

    fn know(&self, last: i64) {
        self.last.send_if_modified(|known| std::mem::replace(known, last) != last);
        self.position.set(last);
    }

    /// Stamps a batch, in a commit that begins then at the latest; tells whether there is more.
    async fn stamp(&self, due: Instant) -> bool {
        let now = self.clock.now();
        match self.db.write_by(due, Kind::Relay, move |tx| log::stamp(tx, now)).await {
            Ok(stamped) => {
                self.know(stamped.last);
                self.unstamped.set(stamped.waiting);
                self.oldest.set(stamped.oldest);
                stamped.waiting > 0
            }
            Err(error) => {
                // What waits is not known: it is taken to be waiting since now.
                self.oldest.begin();
                tracing::warn!(error = chain(&error), "the relay could not stamp; it tries again");
                false
            }
        }
    }
}

/// Deletes what is older than the retention.
pub(super) struct Pruning {
    db: Db,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    config: OutboxConfig,
}

impl Pruning {
    pub(super) fn new(db: &Db, platform: &Platform, config: &OutboxConfig) -> Self {
        Self {
            db: db.clone(),
            clock: Arc::clone(&platform.clock),
            shutdown: platform.shutdown.clone(),
            config: config.clone(),
        }
    }

    pub(super) async fn run(self) {
        loop {
            let more = self.prune().await;
            if self.shutdown.has_begun() {
                return;
            }
            if more {
                continue;
            }
            tokio::select! {
                () = self.shutdown.begun() => return,
                () = tokio::time::sleep(self.config.prune_every) => {}
            }
        }
    }

    async fn prune(&self) -> bool {
        let before = self.clock.now().saturating_sub(self.config.retention).unwrap_or(Timestamp::MIN);
        match self.db.write(Kind::Relay, move |tx| log::prune(tx, before)).await {
            Ok(rows) => usize::try_from(rows).is_ok_and(|rows| rows >= BATCH),
            Err(error) => {
                tracing::warn!(error = chain(&error), "the outbox could not be pruned; it is tried again");
                false
            }
        }
    }
}
