//! The counts and measurements of a service's database as metrics.

use std::fmt::{self, Debug, Formatter};

use madang_chassis::Platform;
use madang_chassis::metrics::{Labels, Reading};
use madang_db::{Db, Kind, Meter, Spread, Stats};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::traces;

type Read = fn(&Stats) -> u64;

/// What is counted besides the committed closures.
const COUNTS: [(&str, &str, Read); 7] = [
    ("db_groups", "Groups of closures that were committed", |stats| stats.groups),
    ("db_groups_written", "Committed groups that wrote, each for a sync", |stats| stats.written_groups),
    ("db_groups_failed", "Groups of which it is unknown whether they were committed", |stats| {
        stats.failed_groups
    }),
    ("db_closures_rolled_back", "Closures that ended in an error", |stats| stats.rolled_back),
    ("db_closures_rerun", "Times a closure was run again", |stats| stats.reruns),
    ("db_commits_unanswered", "COMMITs without an answer, whose closure was run again", |stats| {
        stats.lost_commits
    }),
    ("db_overloaded", "Calls refused because too much waited for the database", |stats| stats.overloaded),
];

/// Shows what the database counts and measures, on `/metrics`, and traces its transactions.
pub fn measure(db: &Db, platform: &Platform) {
    traces::trace(db);
    let (meter, metrics) = (db.meter(), &platform.metrics);
    let help =
        "Closures that were committed; order-path are the steps of orders that nothing goes wrong with";
    let name = ("db_closures_committed", &["kind"][..]);
    drop(metrics.register_family(name, help, Committed(meter.clone())));
    for (name, help, count) in COUNTS {
        drop(metrics.register(name, help, Count { meter: meter.clone(), count }));
    }
    let help =
        "How long a transaction took, from the call to its answer, its wait in the queue and COMMIT in it";
    let name = ("db_transaction_duration_seconds", &["operation", "kind"][..]);
    drop(metrics.register_family(name, help, Spreads { meter: meter.clone(), read: transactions }));
    let help = "How long COMMIT took where something was written, its sync in it";
    let read = |meter: &Meter| vec![(Labels::new(), meter.commits())];
    drop(metrics.register("db_commit_duration_seconds", help, Spreads { meter: meter.clone(), read }));
    let help = "Closures in a committed group; on PostgreSQL each is a group of its own";
    let read = |meter: &Meter| vec![(Labels::new(), meter.group_sizes())];
    drop(metrics.register("db_group_closures", help, Spreads { meter: meter.clone(), read }));
    let help = "Closures that wait for a thread of the database";
    let name = ("db_queue_length", &["operation"][..]);
    drop(metrics.register_family(name, help, Reading::gauges(move || queues(&meter))));
}

fn transactions(meter: &Meter) -> Vec<(Labels, Spread)> {
    let reads = (vec![("operation", "read"), ("kind", "read")], meter.transactions(None));
    let writes = Kind::ALL
        .into_iter()
        .map(|kind| (vec![("operation", "write"), ("kind", kind.as_str())], meter.transactions(Some(kind))));
    writes.filter(|(_, spread)| spread.count() > 0).chain([reads]).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a queue is far shorter than 2^53")]
fn queues(meter: &Meter) -> Vec<(Labels, f64)> {
    let (writes, reads) = meter.queued();
    [("write", writes), ("read", reads)]
        .map(|(operation, length)| (vec![("operation", operation)], length as f64))
        .into()
}

/// Histograms that the database keeps.
#[derive(Clone, Debug)]
struct Spreads {
    meter: Meter,
    read: fn(&Meter) -> Vec<(Labels, Spread)>,
}

impl EncodeMetric for Spreads {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, spread) in (self.read)(&self.meter) {
            let (sum, count, buckets) = (spread.sum, spread.count(), &spread.buckets);
            if labels.is_empty() {
                encoder.encode_histogram::<NoLabelSet>(sum, count, buckets, None)?;
            } else {
                let mut one = encoder.encode_family(&labels)?;
                one.encode_histogram::<NoLabelSet>(sum, count, buckets, None)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[derive(Clone, Debug)]
struct Committed(Meter);

impl EncodeMetric for Committed {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let stats = self.0.read();
        for kind in Kind::ALL {
            let labels = [("kind", kind.as_str())];
            let count = stats.committed(kind);
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[derive(Clone)]
struct Count {
    meter: Meter,
    count: Read,
}

impl Debug for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (self.count)(&self.meter.read()).fmt(f)
    }
}

impl EncodeMetric for Count {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&(self.count)(&self.meter.read()), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
