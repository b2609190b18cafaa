//! The counts of a service's database as metrics.

use std::fmt::{self, Debug, Formatter};

use madang_chassis::Platform;
use madang_db::{Db, Kind, Meter, Stats};
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
    ("db_overloaded", "Calls refused because the database's queue was full", |stats| stats.overloaded),
];

/// Shows what the database counts, on `/metrics`, and traces its transactions.
pub fn measure(db: &Db, platform: &Platform) {
    traces::trace(db);
    let meter = db.meter();
    let committed = Committed(meter.clone());
    let help =
        "Closures that were committed; order-path are the steps of orders that nothing goes wrong with";
    drop(platform.metrics.register("db_closures_committed", help, committed));
    for (name, help, count) in COUNTS {
        drop(platform.metrics.register(name, help, Count { meter: meter.clone(), count }));
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
