use std::time::Duration;

use super::{Errors, Generator, KindReport, Orders, Quantile, Report, Series, Told};
use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::mix::Kind;
use crate::record::{Recorder, Tally, Totals};
use crate::settings::Settings;

/// How a load ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) sent_for: Duration,
    pub(crate) stopped_early: bool,
    pub(crate) orders: Orders,
}

impl Report {
    pub(crate) fn new(settings: &Settings, recorder: Recorder, end: End) -> Self {
        let Totals { intended, sent, not_sent, ok, failed } = recorder.totals();
        let mut latency = Histogram::new();
        recorder.kinds.values().for_each(|tally| latency.merge(&tally.latency));
        let (sent_for, done_for) = (end.sent_for, recorder.last_done.max(end.sent_for));
        Self {
            version: Self::VERSION,
            settings: Told::new(settings),
            sent_seconds: sent_for.as_secs_f64(),
            done_seconds: done_for.as_secs_f64(),
            stopped_early: end.stopped_early,
            intended,
            sent,
            not_sent,
            ok,
            failed,
            unanswered: sent - ok - failed,
            intended_rate: rate(intended, sent_for),
            sent_rate: rate(sent, sent_for),
            ok_rate: rate(ok, done_for),
            kinds: kinds(&recorder),
            errors: errors(&recorder),
            generator: generator(&recorder, &latency),
            orders: end.orders,
            distribution: distribution(&latency),
            latency,
            series: Series {
                interval_ms: millis(recorder.series.interval()),
                buckets: recorder.series.buckets(),
            },
        }
    }
}

impl Told {
    fn new(settings: &Settings) -> Self {
        let phases = settings.schedule.phases().iter();
        let products = settings.products.iter();
        Self {
            gateway: settings.gateway.clone(),
            phases: phases.map(|phase| (phase.rate, phase.duration.as_secs_f64())).collect(),
            arrivals: settings.arrivals,
            mix: settings.mix.to_string(),
            products: products.map(|choice| (choice.product.to_string(), choice.weight)).collect(),
            seed: settings.seed,
            run: settings.run.to_string(),
            connections: settings.connections,
            in_flight: settings.in_flight,
            deadline_ms: millis(settings.deadline),
            retries: settings.retries,
        }
    }
}

fn kinds(recorder: &Recorder) -> Vec<KindReport> {
    let kind = |(kind, tally): (&Kind, &Tally)| KindReport {
        kind: *kind,
        sent: tally.sent,
        not_sent: tally.not_sent,
        ok: tally.ok,
        failed: tally.failed,
        failed_at_first: tally.failed_at_first,
        latency: tally.latency.clone(),
        latency_ok: tally.latency_ok.clone(),
    };
    recorder.kinds.iter().map(kind).collect()
}

fn errors(recorder: &Recorder) -> Vec<Errors> {
    let told = |((kind, failure), (at_first, at_last)): (&(Kind, Failure), &(u64, u64))| Errors {
        kind: *kind,
        code: failure.code,
        reason: failure.reason.clone(),
        at_first: *at_first,
        at_last: *at_last,
    };
    recorder.errors.iter().map(told).collect()
}

fn generator(recorder: &Recorder, latency: &Histogram) -> Generator {
    let late = |share| recorder.begun_late.quantile(share);
    let is_small = |share: f64| late(share) <= Generator::IN_TIME.max(latency.quantile(share) / 10);
    Generator {
        paced_late: recorder.paced_late.clone(),
        begun_late: recorder.begun_late.clone(),
        in_time: [0.5, 0.9, 0.99].into_iter().all(is_small),
    }
}

/// Shares that get denser towards the slowest: ten for each factor of ten.
fn distribution(latency: &Histogram) -> Vec<Quantile> {
    let (mut left, mut shares) = (1.0_f64, vec![0.0]);
    for _ in 0..5 {
        shares.extend((1..10).map(|tenth| 1.0 - left * (1.0 - f64::from(tenth) / 10.0)));
        left /= 10.0;
    }
    shares.push(1.0);
    let at = |share: f64| Quantile { share: (share * 1e9).round() / 1e9, us: latency.quantile_us(share) };
    if latency.count() == 0 { Vec::new() } else { shares.into_iter().map(at).collect() }
}

#[expect(clippy::cast_precision_loss, reason = "fewer calls than a float counts exactly")]
fn rate(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
