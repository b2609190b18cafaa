use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use madang_chassis::{Platform, Shutdown};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Followed, Shared, store};

type Gauges<G = Gauge> = Family<[(&'static str, &'static str); 1], G>;

/// Measures how far the consumers are, and how far behind.
pub(super) struct Lag {
    shared: Arc<Shared>,
    shutdown: Shutdown,
    every: Duration,
    /// The last position of each producer that it told.
    known: BTreeMap<&'static str, i64>,
    /// Of each producer that is ahead of its cursor.
    waiting: BTreeMap<&'static str, Waiting>,
    cursor: Gauges,
    lag: Gauges,
    age: Gauges<Gauge<f64, AtomicU64>>,
    dead_letters: Gauges,
    parked: Gauges,
    stopped: Gauges,
}

/// The oldest event that is not applied yet.
#[derive(Clone, Copy)]
struct Waiting {
    /// Its position; none where it was not read.
    position: Option<i64>,
    /// When it happened, or else when it was first seen that there is one.
    since: Timestamp,
}

impl Lag {
    pub(super) fn new(shared: &Arc<Shared>, platform: &Platform, every: Duration) -> Self {
        let metrics = &platform.metrics;
        let gauges = |name, help| metrics.register_family((name, &["producer"]), help, Gauges::default());
        let help = "How long ago the oldest event happened that is not applied yet, by two machines' clocks; 0 where all are";
        let age = metrics.register_family(("events_lag_age_seconds", &["producer"]), help, Gauges::default());
        Self {
            shared: Arc::clone(shared),
            shutdown: platform.shutdown.clone(),
            every,
            known: BTreeMap::new(),
            waiting: BTreeMap::new(),
            age,
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
            Ok(standings) => {
                for standing in &standings {
                    let Some(followed) = shared.followed(&standing.producer) else { continue };
                    self.show(followed, standing);
                    self.show_age(followed, standing.position).await;
                }
            }
            Err(error) => tracing::debug!(error = %error, "the cursors could not be measured"),
        }
    }

    fn show(&self, followed: &Followed, standing: &store::Standing) {
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

    /// It is of now, and does not grow by itself until the next look: most events that wait now are applied in a moment.
    async fn show_age(&mut self, followed: &Followed, cursor: i64) {
        let producer = followed.subscription.producer;
        let Some(last) = self.known.get(producer) else { return };
        let seconds = if *last > cursor {
            let waiting = self.oldest(followed, cursor.saturating_add(1)).await;
            self.waiting.insert(producer, waiting);
            self.shared.clock.now().duration_since(waiting.since).as_secs_f64().max(0.0)
        } else {
            self.waiting.remove(producer);
            0.0
        };
        self.age.get_or_create(&[("producer", producer)]).set(seconds);
    }

    /// The event at this position, which is there. It is read once, and not before the second look that finds a lag: neither a
    /// consumer that stands still nor one that is up to date costs its producer anything.
    async fn oldest(&self, followed: &Followed, position: i64) -> Waiting {
        let Some(before) = self.waiting.get(followed.subscription.producer).copied() else {
            return Waiting { position: None, since: self.shared.clock.now() };
        };
        if before.position == Some(position) {
            return before;
        }
        let events = followed.subscription.source.read(position.saturating_sub(1)).await.unwrap_or_default();
        match events.first().filter(|event| event.position == position) {
            Some(event) => Waiting { position: Some(position), since: event.occur_time },
            None => Waiting { position: None, ..before },
        }
    }
}
