//! What the saga counts, as metrics.

use std::sync::Arc;

use madang_chassis::Platform;
use madang_chassis::metrics::{Age, Reading};
use madang_saga::Stats;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::domain::State;
use crate::store::Open;

type Outcomes = Family<[(&'static str, &'static str); 1], Counter>;

/// What the orders' own rows tell of sagas.
#[derive(Debug, Clone)]
pub(super) struct Meters {
    stuck: Gauge,
    oldest: Age,
    finished: Outcomes,
}

impl Meters {
    pub(super) fn new(platform: &Platform) -> Self {
        let metrics = &platform.metrics;
        let help = "How long the oldest of the open sagas of this process has stood in its state";
        let oldest = metrics.register("saga_oldest_age_seconds", help, Age::new(&platform.clock));
        let help = "Sagas that came to an end, by outcome; kept is a confirmed order that could not be cancelled any more, \
                    stuck waits for an operator";
        let finished = metrics.register_family(("saga_finished", &["outcome"]), help, Outcomes::default());
        for outcome in ["confirmed", "rejected", "cancelled", "kept", "stuck"] {
            // A rate needs a beginning.
            drop(finished.get_or_create(&[("outcome", outcome)]));
        }
        let stuck = metrics.register("orders_stuck", "Orders that wait for an operator", Gauge::default());
        Self { stuck, oldest, finished }
    }

    /// What a scan found.
    pub(super) fn see(&self, open: &Open, stuck: i64) {
        self.oldest.set(open.oldest);
        self.stuck.set(stuck);
    }

    /// A guarded update that held.
    pub(super) fn moved(&self, from: &State, to: &State) {
        let outcome = match to {
            State::Confirmed if *from == State::Pending => "confirmed",
            State::Confirmed => "kept",
            State::Rejected(_) => "rejected",
            State::Cancelled(_) => "cancelled",
            State::Stuck { .. } => "stuck",
            State::Pending | State::Undoing { .. } => return,
        };
        self.finished.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// Shows what the engine counts.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn show(stats: &Arc<Stats>, platform: &Platform) {
    let metrics = &platform.metrics;
    let of = |read: fn(&Stats) -> u64| {
        let stats = Arc::clone(stats);
        move || Some(read(&stats) as f64)
    };
    let help = "Sagas that were begun, each once in its life";
    drop(metrics.register("saga_started", help, Reading::counter(of(Stats::started))));
    let help = "Times a saga was taken up again: after a death, a takeover, or a decision from outside";
    drop(metrics.register("saga_resumed", help, Reading::counter(of(Stats::resumed))));
    let help = "Sagas that this process drives now";
    drop(metrics.register("saga_in_flight", help, Reading::gauge(of(Stats::in_flight))));
    let stats = Arc::clone(stats);
    let repeated = Reading::counters(move || {
        let both = |of: madang_saga::Repeated| {
            [("forward", of.actions), ("backward", of.undos)]
                .map(|(direction, count)| (vec![("step", of.step), ("direction", direction)], count as f64))
        };
        stats.repeated().into_iter().flat_map(both).collect()
    });
    let help = "Tries of a step (forward) or its undo (backward) after one whose outcome was not known";
    drop(metrics.register_family(("saga_steps_retried", &["step", "direction"]), help, repeated));
}
