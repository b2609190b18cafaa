use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::arrivals::Schedule;
use crate::failure::Failure;
use crate::intent::Outcome;
use crate::record::Recorder;
use crate::settings::Settings;

fn settings() -> Settings {
    let schedule = Schedule::constant(10.0, Duration::from_secs(1)).unwrap();
    let products = vec!["celadon-tea-cup=2".parse().unwrap()];
    Settings { products, ..Settings::new("http://127.0.0.1:8080", schedule, Uuid::nil()) }
}

/// One call that was done, one that failed at first and at last, one that was not sent.
fn recorder() -> Recorder {
    let mut recorder = Recorder::new(Duration::from_secs(1));
    let (ms, late) = (Duration::from_millis(1), Duration::from_micros(20));
    for (kind, sent) in [(Kind::GetProduct, true), (Kind::PlaceOrder, true), (Kind::PlaceOrder, false)] {
        recorder.paced(ms, kind, (late, sent));
    }
    recorder.begun(late);
    recorder.begun(late);
    recorder.done(3 * ms, Kind::GetProduct, (2 * ms, &Outcome { first: Ok(()), last: Ok(()) }));
    let failure = Failure { code: "UNAVAILABLE", reason: None };
    let failed = Outcome { first: Err(failure.clone()), last: Err(failure) };
    recorder.done(5 * ms, Kind::PlaceOrder, (4 * ms, &failed));
    recorder
}

fn report() -> Report {
    let rejected = BTreeMap::from([("OUT_OF_STOCK".to_owned(), 1)]);
    let orders = Orders { rejected, ..Orders::default() };
    let end = End { sent_for: Duration::from_secs(1), stopped_early: false, orders };
    Report::new(&settings(), recorder(), end)
}

/// The paths of all values; of a list those of its first.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| paths(value, &format!("{path}.{name}"), found));
        }
        Value::Array(items) if !items.is_empty() => paths(&items[0], &format!("{path}[]"), found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            found.push(path.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn the_json_of_a_report_has_the_same_fields_always() {
    let mut found = Vec::new();
    paths(&serde_json::to_value(report()).unwrap(), "", &mut found);
    let summary = |name: &str| {
        ["count", "max_us", "mean_us", "min_us", "p50_us", "p90_us", "p95_us", "p999_us", "p99_us"]
            .map(|part| format!("{name}.{part}"))
    };
    let plain = "distribution[].share distribution[].us done_seconds \
        errors[].at_first errors[].at_last errors[].code errors[].kind errors[].reason failed \
        generator.in_time intended intended_rate \
        kinds[].failed kinds[].failed_at_first kinds[].kind kinds[].not_sent kinds[].ok kinds[].sent \
        not_sent ok ok_rate orders.acknowledged orders.asked_again orders.cancelled orders.confirmed \
        orders.found_again orders.lost orders.pending orders.refused orders.rejected.OUT_OF_STOCK orders.stuck \
        orders.surplus orders.unanswered orders.unread sent sent_rate sent_seconds \
        series.buckets[].at_ms series.buckets[].done series.buckets[].failed series.buckets[].max_us \
        series.buckets[].not_sent series.buckets[].p50_us series.buckets[].p99_us series.buckets[].sent \
        series.interval_ms settings.arrivals settings.connections settings.deadline_ms settings.gateway \
        settings.in_flight settings.mix settings.phases[][] settings.products[][] settings.retries settings.run \
        settings.seed stopped_early unanswered version";
    let mut expected: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
    for name in
        ["generator.begun_late", "generator.paced_late", "kinds[].latency", "kinds[].latency_ok", "latency"]
    {
        expected.extend(summary(name));
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "a field that goes or changes its meaning is another Report::VERSION");
}

#[test]
fn a_report_adds_up() {
    let report = report();
    assert_eq!((report.intended, report.sent, report.not_sent), (3, 2, 1));
    assert_eq!((report.ok, report.failed, report.unanswered), (1, 1, 0));
    assert_eq!((report.intended_rate, report.sent_rate, report.ok_rate), (3.0, 2.0, 1.0));
    assert_eq!(report.latency.count(), 2);
    assert_eq!(report.kinds.iter().map(|it| it.sent).sum::<u64>(), report.sent);
    let errors =
        Errors { kind: Kind::PlaceOrder, code: "UNAVAILABLE", reason: None, at_first: 1, at_last: 1 };
    assert_eq!(report.errors, [errors]);
    assert!(report.generator.in_time && !report.is_clean());
}

#[test]
fn the_distribution_goes_from_the_shortest_to_the_longest() {
    let report = report();
    let told = report.distribution;
    assert_eq!(told.first().map(|it| it.share), Some(0.0));
    assert_eq!(told.last().map(|it| (it.share, it.us)), Some((1.0, report.latency.max_us())));
    assert!(told.is_sorted_by(|one, other| one.share < other.share && one.us <= other.us), "{told:?}");
    assert!(told.iter().any(|it| it.share == 0.99) && told.iter().any(|it| it.share == 0.9999));
}

#[test]
fn a_generator_that_is_late_is_told() {
    let mut recorder = recorder();
    (0..100).for_each(|_| recorder.begun(Duration::from_millis(2)));
    let end = End { sent_for: Duration::from_secs(1), stopped_early: true, orders: Orders::default() };
    assert!(!Report::new(&settings(), recorder, end).generator.in_time);
}

#[test]
fn a_load_in_which_nothing_was_sent_has_a_report_too() {
    let end = End { sent_for: Duration::ZERO, stopped_early: true, orders: Orders::default() };
    let report = Report::new(&settings(), Recorder::new(Duration::from_secs(1)), end);
    assert_eq!((report.intended, report.sent_rate, report.distribution.len()), (0, 0.0, 0));
    assert!(report.is_clean());
}
