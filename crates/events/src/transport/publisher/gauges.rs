use madang_chassis::Platform;
use madang_chassis::metrics::{Age, Reading};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

/// How far the publisher is behind the relay.
#[derive(Clone)]
pub(super) struct Gauges {
    last: watch::Receiver<i64>,
    published: Gauge,
    behind: Age,
    alarms: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl Gauges {
    pub(super) fn new(platform: &Platform, last: watch::Receiver<i64>) -> Self {
        let metrics = &platform.metrics;
        let help = "The last position in the stream";
        let published = metrics.register("outbox_published_position", help, Gauge::default());
        let help = "Events that have a position but are not in the stream";
        let (given, sent) = (last.clone(), published.clone());
        drop(metrics.register(
            "outbox_publisher_lag",
            help,
            Reading::gauge(move || Some(lag(&given, &sent))),
        ));
        let help = "How long there has been such an event, without the publisher having caught up";
        let behind = metrics.register("outbox_publisher_lag_age_seconds", help, Age::new(&platform.clock));
        let help = "Whether the publisher stopped, by alarm";
        let alarms = metrics.register_family(("outbox_publisher_alarm", &["alarm"]), help, Family::default());
        Self { last, published, behind, alarms }
    }

    /// Notes since when the publisher is behind, also while it can do nothing; without end.
    pub(super) async fn follow(mut self) {
        loop {
            self.note();
            if self.last.changed().await.is_err() {
                // The relay ended, so the process does.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The stream has the events up to here.
    pub(super) fn stand_at(&self, position: i64) {
        self.published.set(position);
        self.note();
    }

    /// Raises an alarm; tells whether it was not raised before.
    pub(super) fn raise(&self, alarm: &'static str) -> bool {
        let is_new = self.alarms.get_or_create(&[("alarm", alarm)]).get() == 0;
        if is_new {
            // One at a time: another that was raised before is over.
            self.alarms.clear();
            self.alarms.get_or_create(&[("alarm", alarm)]).set(1);
        }
        is_new
    }

    /// No alarm is raised any more.
    pub(super) fn go_on(&self) {
        self.alarms.clear();
    }

    fn note(&self) {
        if lag(&self.last, &self.published) > 0.0 { self.behind.begin() } else { self.behind.set(None) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a difference of positions, far below 2^53")]
fn lag(last: &watch::Receiver<i64>, published: &Gauge) -> f64 {
    last.borrow().saturating_sub(published.get()).max(0) as f64
}
