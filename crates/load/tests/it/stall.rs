//! A shop that stands still is seen by the open loop in every call that was meant for that time, and by a closed loop, which waits
//! with it, in one. Both look at the same stall.

use std::future::pending;
use std::time::Duration;

use madang_api::catalog::v1::GetProductRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_load::{Load, Report, Schedule, Settings};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::fake::{Fake, Fate, Serving};

/// Calls a second.
const RATE: f64 = 500.0;
const DURATION: Duration = Duration::from_secs(3);
/// The gate opens when so many calls of the open loop wait at it: after 200 ms, or more on a busy machine.
const WAITING: usize = 100;

/// When the shop stood still.
#[derive(Debug, Clone, Copy)]
struct Stall {
    from: Instant,
    to: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_shows_a_stall_that_a_closed_loop_hides() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let schedule = Schedule::constant(RATE, DURATION).unwrap();
    let mix = "browse=1".parse().unwrap();
    let load =
        Load::start(Settings { mix, ..Settings::new(&shop.url, schedule, Uuid::nil()) }).await.unwrap();
    let end = Instant::now() + DURATION;
    let (over, is_over) = watch::channel(false);
    let stalled = async {
        let stall = stand_still(&shop).await;
        over.send_replace(true);
        stall
    };
    let (stall, closed) = tokio::join!(stalled, closed_loop(&shop, is_over));
    let report = load.report(pending()).await.unwrap();
    assert_shown(&report, stall, end);
    // Its calls that met the stall: one that waited it out, and one on either border. It has no notion of all those that its
    // customers would have made meanwhile.
    let met = closed.iter().filter(|(from, to)| *from < stall.to && *to > stall.from).count();
    assert!((1..=3).contains(&met), "{met} of {} calls met the stall", closed.len());
}

/// Closes the gate under way, and opens it when enough calls wait.
async fn stand_still(shop: &Serving) -> Stall {
    let mut seen = shop.fake.seen.subscribe();
    seen.wait_for(|(_, all)| *all >= 50).await.unwrap();
    let from = Instant::now();
    shop.fake.gate.send_replace(false);
    seen.wait_for(|(waiting, _)| *waiting >= WAITING).await.unwrap();
    let to = Instant::now();
    shop.fake.gate.send_replace(true);
    Stall { from, to }
}

/// One client that asks again when it was answered, until the stall is over: the begin and the end of each call.
async fn closed_loop(shop: &Serving, is_over: watch::Receiver<bool>) -> Vec<(Instant, Instant)> {
    let mut catalog = CatalogServiceClient::connect(shop.url.clone()).await.unwrap();
    let mut calls = Vec::new();
    while !*is_over.borrow() {
        let from = Instant::now();
        catalog.get_product(GetProductRequest { product_id: "kite".to_owned() }).await.unwrap();
        calls.push((from, Instant::now()));
    }
    calls
}

/// A call that was meant for the stall waited until its end, so 9 of 10 of them for a tenth of it. Nothing is said of how quick
/// anything is: on a busy machine calls are slower, which only makes more of them so.
fn assert_shown(report: &Report, stall: Stall, end: Instant) {
    let within = stall.to.min(end).saturating_duration_since(stall.from);
    let stood = stall.to.duration_since(stall.from);
    let slow = report.latency.count_at_least(stood / 10) as f64;
    let expected = 0.8 * RATE * within.as_secs_f64();
    assert!(slow >= expected, "{slow} calls were slow, not {expected}, in a stall of {stood:?}");
    assert!(report.latency.max() >= stood.mul_f64(0.9), "{:?} of {stood:?}", report.latency.max());
    assert!(report.latency.quantile(0.99) >= stood / 10, "{:?} of {stood:?}", report.latency.quantile(0.99));
    assert_eq!((report.intended, report.sent, report.ok), (1_500, 1_500, 1_500));
    // In time: somewhere a span with a slowest call as long as the stall.
    let slowest = report.series.buckets.iter().filter_map(|bucket| bucket.max_us).max().unwrap_or_default();
    assert!(u128::from(slowest) >= stood.mul_f64(0.9).as_micros(), "{slowest}");
}
