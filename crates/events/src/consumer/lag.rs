use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use madang_chassis::{Platform, Shutdown};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Shared, store};

type Gauges = Family<[(&'static str, &'static str); 1], Gauge>;

/// Measures how far the consumers are, and how far behind.
pub(super) struct Lag {
    shared: Arc<Shared>,
    shutdown: Shutdown,
    every: Duration,
    /// The last position of each producer that it told.
    known: BTreeMap<&'static str, i64>,
    cursor: Gauges,
    lag: Gauges,
    dead_letters: Gauges,
    parked: Gauges,
    stopped: Gauges,
}

impl Lag {
    pub(super) fn new(shared: &Arc<Shared>, platform: &Platform, every: Duration) -> Self {
        let gauges =
            |name, help| platform.metrics.register_family((name, &["producer"]), help, Gauges::default());
        Self {
            shared: Arc::clone(shared),
            shutdown: platform.shutdown.clone(),
            every,
            known: BTreeMap::new(),
            cursor: gauges("events_cursor_position", "The last position applied, by producer"),
            lag: gauges("events_lag", "Events of the producer that are not applied yet"),
            dead_letters: gauges("events_dead_letters", "Events that could not be applied, by producer"),
            parked: gauges("events_parked", "Events that wait behind a dead letter, by producer"),
            stopped: gauges(
                "events_consumer_stopped",
                "Whether the consumer stopped with an alarm (1), by producer",
            ),
        }
    }

    pub(super) async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        let measure = async {
            loop {
                self.measure().await;
                tokio::time::sleep(self.every).await;
            }
        };
        tokio::select! {
            () = shutdown.begun() => {}
            () = measure => {}
        }
    }

    async fn measure(&mut self) {
        let shared = Arc::clone(&self.shared);
        for followed in &shared.subscriptions {
            // A producer that does not answer keeps the position it told last: the lag can only be larger.
            if let Ok(last) = followed.subscription.source.last_position().await {
                self.known.insert(followed.subscription.producer, last);
            }
        }
        // After the producers: a cursor that is read earlier would show a lag that is gone.
        match shared.db.read(store::standings).await {
            Ok(standings) => standings.iter().for_each(|standing| self.show(standing)),
            Err(error) => tracing::debug!(error = %error, "the cursors could not be measured"),
        }
    }

    fn show(&self, standing: &store::Standing) {
        let Some(followed) = self.shared.followed(&standing.producer) else { return };
        let producer = followed.subscription.producer;
        let set = |gauges: &Gauges, value: i64| {
            gauges.get_or_create(&[("producer", producer)]).set(value);
        };
        set(&self.cursor, standing.position);
        set(&self.dead_letters, standing.dead_letters);
        set(&self.parked, standing.parked);
        set(&self.stopped, i64::from(followed.alarm().is_some()));
        if let Some(last) = self.known.get(producer) {
            set(&self.lag, last.saturating_sub(standing.position).max(0));
        }
    }
}
