//! From the text of the registry to OTLP: cumulative, with the exemplars.

use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    exemplar, metric, number_data_point,
};

use super::text::{self, Family, Labels, Sample};

/// Since when what is told counts, and until when: nanoseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

/// A time as OTLP has it; 0 before 1970.
pub(super) fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

/// All metrics of a registry's text.
pub(super) fn metrics(text: &str, times: Times) -> Vec<Metric> {
    text::families(text).iter().filter_map(|family| metric(family, times)).collect()
}

fn metric(family: &Family<'_>, times: Times) -> Option<Metric> {
    let temporality = AggregationTemporality::Cumulative.into();
    let numbers = || family.samples.iter().map(|sample| number(sample, times)).collect::<Vec<_>>();
    let data = match family.kind {
        "counter" => metric::Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        // An info is 1, with what it tells as attributes.
        "gauge" | "info" => metric::Data::Gauge(Gauge { data_points: numbers() }),
        "histogram" => metric::Data::Histogram(Histogram {
            data_points: histogram(family, times),
            aggregation_temporality: temporality,
        }),
        _ => return None,
    };
    let is_empty = family.samples.is_empty();
    (!is_empty).then(|| Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit(family.name).to_owned(),
        data: Some(data),
        ..Metric::default()
    })
}

/// By UCUM, from the name's last word.
fn unit(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some(_) | None => "1",
    }
}

fn number(sample: &Sample<'_>, times: Times) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(&sample.labels),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    }
}

/// A point for each set of labels; the registry writes sum, count and then the buckets of one after the other.
fn histogram(family: &Family<'_>, times: Times) -> Vec<HistogramDataPoint> {
    let mut points: Vec<HistogramDataPoint> = Vec::new();
    let mut below = 0;
    for sample in &family.samples {
        if sample.suffix == "_sum" {
            below = 0;
            points.push(HistogramDataPoint {
                attributes: attributes(&sample.labels),
                start_time_unix_nano: times.start,
                time_unix_nano: times.now,
                sum: Some(sample.value),
                ..HistogramDataPoint::default()
            });
        }
        let Some(point) = points.last_mut() else { continue };
        match sample.suffix {
            "_count" => point.count = count(sample.value),
            "_bucket" => {
                let all = count(sample.value);
                point.bucket_counts.push(all.saturating_sub(below));
                below = all;
                // The last bucket has no bound: it takes all.
                point.explicit_bounds.extend(bound(sample).filter(|bound| bound.is_finite()));
                point.exemplars.extend(traced(sample, times));
            }
            _ => {}
        }
    }
    points
}

fn bound(sample: &Sample<'_>) -> Option<f64> {
    sample.labels.iter().find(|(name, _)| *name == "le").and_then(|(_, bound)| match bound.as_str() {
        "+Inf" => Some(f64::INFINITY),
        bound => bound.parse().ok(),
    })
}

fn traced(sample: &Sample<'_>, times: Times) -> Option<Exemplar> {
    let (labels, value) = sample.exemplar.as_ref()?;
    let (_, trace) = labels.iter().find(|(name, _)| *name == "trace_id")?;
    Some(Exemplar {
        trace_id: u128::from_str_radix(trace, 16).ok()?.to_be_bytes().to_vec(),
        // When it was seen is not kept.
        time_unix_nano: times.now,
        value: Some(exemplar::Value::AsDouble(*value)),
        ..Exemplar::default()
    })
}

fn attributes(labels: &Labels<'_>) -> Vec<KeyValue> {
    let own = labels.iter().filter(|(name, _)| *name != "le");
    own.map(|(name, value)| crate::telemetry::text_attribute(name, value)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, written as a whole number"
)]
fn count(value: f64) -> u64 {
    value as u64
}
