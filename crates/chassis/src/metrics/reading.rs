use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// A few labels with their values.
pub type Labels = Vec<(&'static str, &'static str)>;

type Values = dyn Fn() -> Vec<(Labels, f64)> + Send + Sync;

/// A gauge or a counter that is read when it is shown, from what is in memory. What it reads must not keep the process's
/// parts alive, and must not wait.
#[derive(Clone)]
pub struct Reading {
    kind: MetricType,
    read: Arc<Values>,
}

impl Reading {
    /// A gauge without labels; not shown while it has no value.
    pub fn gauge(read: impl Fn() -> Option<f64> + Send + Sync + 'static) -> Self {
        Self::gauges(move || read().map(|value| (Labels::new(), value)).into_iter().collect())
    }

    /// A counter without labels; not shown while it has no value.
    pub fn counter(read: impl Fn() -> Option<f64> + Send + Sync + 'static) -> Self {
        Self::counters(move || read().map(|value| (Labels::new(), value)).into_iter().collect())
    }

    /// A gauge for each set of labels.
    pub fn gauges(read: impl Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static) -> Self {
        Self { kind: MetricType::Gauge, read: Arc::new(read) }
    }

    /// A counter for each set of labels.
    pub fn counters(read: impl Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static) -> Self {
        Self { kind: MetricType::Counter, read: Arc::new(read) }
    }

    fn one(&self, encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
        if matches!(self.kind, MetricType::Counter) {
            return encoder.encode_counter::<NoLabelSet, _, f64>(&value, None);
        }
        encoder.encode_gauge(&value)
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((self.read)()).finish()
    }
}

impl EncodeMetric for Reading {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, value) in (self.read)() {
            if labels.is_empty() {
                self.one(&mut encoder, value)?;
            } else {
                self.one(&mut encoder.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}
