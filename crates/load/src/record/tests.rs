use super::*;

const MS: Duration = Duration::from_millis(1);

fn failure(code: &'static str) -> Failure {
    Failure { code, reason: None }
}

fn ok() -> Outcome {
    Outcome { first: Ok(()), last: Ok(()) }
}

fn recorder() -> Recorder {
    Recorder::new(100 * MS)
}

#[test]
fn what_was_intended_is_what_was_sent_and_what_was_not() {
    let mut recorder = recorder();
    for sent in [true, true, false] {
        recorder.paced(MS, Kind::GetProduct, (Duration::ZERO, sent));
    }
    recorder.done(2 * MS, Kind::GetProduct, (MS, &ok()));
    let totals = recorder.totals();
    assert_eq!((totals.intended, totals.sent, totals.not_sent, totals.ok), (3, 2, 1, 1));
    assert_eq!(recorder.snapshot(2 * MS).in_flight, 1);
}

#[test]
fn a_snapshot_has_what_happened_since_the_one_before() {
    let mut recorder = recorder();
    recorder.paced(MS, Kind::PlaceOrder, (Duration::ZERO, true));
    let first = recorder.snapshot(5 * MS);
    assert_eq!((first.window.sent, first.window.done, first.in_flight), (1, 0, 1));
    let failed = Outcome { first: Ok(()), last: Err(failure("UNAVAILABLE")) };
    recorder.done(7 * MS, Kind::PlaceOrder, (6 * MS, &failed));
    let second = recorder.snapshot(10 * MS);
    assert_eq!((second.window.sent, second.window.done, second.window.failed), (0, 1, 1));
    assert_eq!(second.window.errors, BTreeMap::from([(failure("UNAVAILABLE"), 1)]));
    assert_eq!((second.totals.sent, second.totals.failed, second.in_flight), (1, 1, 0));
    assert_eq!(second.window.latency.count(), 1);
}

#[test]
fn what_failed_at_first_and_what_failed_at_last_are_counted_apart() {
    let mut recorder = recorder();
    let mended = Outcome { first: Err(failure("UNAVAILABLE")), last: Ok(()) };
    let lost = Outcome { first: Err(failure("UNAVAILABLE")), last: Err(failure("DEADLINE_EXCEEDED")) };
    recorder.done(MS, Kind::PlaceOrder, (MS, &mended));
    recorder.done(MS, Kind::PlaceOrder, (MS, &lost));
    let tally = &recorder.kinds[&Kind::PlaceOrder];
    assert_eq!((tally.ok, tally.failed, tally.failed_at_first), (1, 1, 2));
    assert_eq!((tally.latency.count(), tally.latency_ok.count()), (2, 1));
    let errors = |code| recorder.errors[&(Kind::PlaceOrder, failure(code))];
    assert_eq!((errors("UNAVAILABLE"), errors("DEADLINE_EXCEEDED")), ((2, 0), (0, 1)));
}

#[test]
fn the_series_has_a_bucket_for_spans_in_which_nothing_happened() {
    let mut recorder = recorder();
    recorder.paced(50 * MS, Kind::GetProduct, (Duration::ZERO, true));
    recorder.done(350 * MS, Kind::GetProduct, (300 * MS, &ok()));
    let buckets = recorder.series.buckets();
    assert_eq!(buckets.iter().map(|it| it.at_ms).collect::<Vec<_>>(), [0, 100, 200, 300]);
    assert_eq!(
        buckets.iter().map(|it| (it.sent, it.done)).collect::<Vec<_>>(),
        [(1, 0), (0, 0), (0, 0), (0, 1)]
    );
    assert_eq!(buckets[1].p99_us, None);
    assert!(buckets[3].max_us.unwrap().abs_diff(300_000) <= 3_000, "{:?}", buckets[3]);
}

#[test]
fn what_ends_late_counts_in_the_bucket_that_is_open() {
    let mut recorder = recorder();
    recorder.done(250 * MS, Kind::GetProduct, (MS, &ok()));
    recorder.done(199 * MS, Kind::GetProduct, (MS, &ok()));
    assert_eq!(recorder.series.buckets().iter().map(|it| it.done).collect::<Vec<_>>(), [0, 0, 2]);
}

#[test]
fn a_load_in_which_nothing_happened_has_no_series() {
    assert_eq!(recorder().series.buckets(), []);
}
