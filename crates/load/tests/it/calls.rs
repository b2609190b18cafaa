use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use madang_load::{Error, Kind, Load, Schedule, Settings};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::fake::{Fake, Fate, Serving};

fn settings(shop: &Serving, rate: f64) -> Settings {
    let schedule = Schedule::constant(rate, Duration::from_millis(200)).unwrap();
    Settings::new(&shop.url, schedule, Uuid::from_u128(7))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_is_sent_and_its_end_counted() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let settings = Settings { mix: "order=1,browse=3".parse().unwrap(), ..settings(&shop, 1_000.0) };
    let report = Load::start(settings).await.unwrap().report(pending()).await.unwrap();
    assert_eq!((report.intended, report.sent, report.ok), (200, 200, 200));
    assert_eq!(report.kinds.iter().map(|it| it.kind).collect::<Vec<_>>(), Kind::ALL);
    assert!(report.kinds.iter().all(|it| it.sent == it.ok && it.latency.count() == it.sent));
    assert_eq!(report.latency.count(), 200);
    let sent: u64 = report.series.buckets.iter().map(|it| it.sent).sum();
    let done: u64 = report.series.buckets.iter().map(|it| it.done).sum();
    assert_eq!((sent, done), (200, 200));
    assert!(report.is_clean() && !report.stopped_early);
    assert!(shop.fake.queries().iter().all(|query| query == "Tea" || query == "Kite"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_is_told_the_deadline() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let deadline = Duration::from_secs(60);
    let settings = Settings { deadline, mix: "order=1".parse().unwrap(), ..settings(&shop, 50.0) };
    Load::start(settings).await.unwrap().report(pending()).await.unwrap();
    // In microseconds; what was used before the call left is off already.
    let told = shop.fake.timeouts();
    let micros = |text: &String| text.strip_suffix('u').and_then(|text| text.parse::<u64>().ok());
    assert!(
        !told.is_empty() && told.iter().all(|it| micros(it).is_some_and(|it| it <= 60_000_000)),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_not_to_be_traced_say_so() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let orders = |traced| Settings { traced, mix: "order=1".parse().unwrap(), ..settings(&shop, 50.0) };
    Load::start(orders(true)).await.unwrap().report(pending()).await.unwrap();
    assert_eq!(shop.fake.traceparents(), vec![None; 10]);
    let run = Uuid::from_u128(8);
    Load::start(Settings { run, ..orders(false) }).await.unwrap().report(pending()).await.unwrap();
    let told: BTreeSet<String> = shop.fake.traceparents().into_iter().flatten().collect();
    assert_eq!(told.len(), 10, "each is a trace of its own");
    assert!(told.iter().all(|it| it.len() == 55 && it.starts_with("00-") && it.ends_with("-00")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let deadline = Duration::from_millis(50);
    let settings = Settings { deadline, mix: "browse=1".parse().unwrap(), ..settings(&shop, 100.0) };
    let load = Load::start(settings).await.unwrap();
    shop.fake.gate.send_replace(false);
    let report = load.report(pending()).await.unwrap();
    assert!(report.failed >= 1 && report.unanswered == 0, "{}", report.failed);
    assert!(report.errors.iter().all(|it| it.code == "DEADLINE_EXCEEDED"), "{:?}", report.errors);
    assert!(report.latency.max() >= deadline.mul_f64(0.99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_is_watched_and_stopped() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let schedule = Schedule::constant(200.0, Duration::from_secs(3_600)).unwrap();
    let settings = Settings { schedule, mix: "browse=1".parse().unwrap(), ..settings(&shop, 1.0) };
    let mut load = Load::start(settings).await.unwrap();
    let mut seen = shop.fake.seen.subscribe();
    seen.wait_for(|(_, all)| *all >= 20).await.unwrap();
    let first = load.snapshot();
    load.stop();
    load.done().await;
    let last = load.snapshot();
    assert_eq!(first.window.sent + last.window.sent, last.totals.sent);
    assert_eq!(first.window.done + last.window.done, last.totals.ok);
    assert_eq!((last.in_flight, last.totals.intended), (0, last.totals.sent));
    let report = load.report(pending()).await.unwrap();
    assert!(report.stopped_early && report.sent_seconds < 3_600.0);
    assert_eq!(report.sent, last.totals.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_wait_for_answers_has_them_told_as_unanswered() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let schedule = Schedule::constant(200.0, Duration::from_secs(3_600)).unwrap();
    let deadline = Duration::from_secs(3_600);
    let mix = "browse=1".parse().unwrap();
    let load = Load::start(Settings { schedule, deadline, mix, ..settings(&shop, 1.0) }).await.unwrap();
    shop.fake.gate.send_replace(false);
    let mut seen = shop.fake.seen.subscribe();
    let some_wait = async { seen.wait_for(|(waiting, _)| *waiting >= 5).await.map(drop).unwrap() };
    let report = load.report(some_wait).await.unwrap();
    assert!(report.unanswered >= 5 && report.stopped_early && !report.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_not_there_is_told() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let at = |gateway: String| Settings { gateway, ..settings(&shop, 1.0) };
    assert!(matches!(Load::start(at(format!("http://{free}"))).await, Err(Error::Unreachable { .. })));
    assert!(matches!(Load::start(at("not an address".to_owned())).await, Err(Error::Address { .. })));
    let no_room = Settings { in_flight: 0, ..settings(&shop, 1.0) };
    assert!(matches!(Load::start(no_room).await, Err(Error::Settings(_))));
}

#[tokio::test]
async fn a_load_may_be_dropped_in_a_runtime_of_one_thread() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    drop(Load::start(settings(&shop, 100.0)).await.unwrap());
}
