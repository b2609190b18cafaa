//! A process of the skeleton that stands still is seen by the load that measures it.

use std::time::Duration;

use madang_bench::Skeleton;
use madang_load::{Load, Schedule, Settings, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::program;

/// Orders a second.
const RATE: f64 = 100.0;
/// Payments goes on when so many orders wait: after 200 ms, or more on a busy machine.
const WAITING: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_stands_still_is_seen_in_the_latencies() {
    let skeleton = Skeleton::open(program()).await.unwrap();
    let payments = Pid::from_raw(skeleton.payments()).unwrap();
    let schedule = Schedule::constant(RATE, Duration::from_secs(2)).unwrap();
    let settings = Settings::new(skeleton.url(), schedule, Uuid::from_u128(1 << 64));
    let settings = Settings { mix: "order=1".parse().unwrap(), deadline: PATIENCE, ..settings };
    let load = Load::start(settings).await.unwrap();
    until(&load, |seen| seen.totals.ok >= 10).await;
    kill_process(payments, Signal::STOP).unwrap();
    let from = Instant::now();
    until(&load, |seen| seen.in_flight >= WAITING).await;
    let stood = from.elapsed();
    kill_process(payments, Signal::CONT).unwrap();
    let report = load.report(std::future::pending()).await.unwrap();
    assert!(report.is_clean(), "{:?} {:?}", report.orders, report.errors);
    // Those that waited were meant for some time within the stall: half of them for the first half of it.
    let slow = report.latency.count_at_least(stood / 4);
    assert!(slow >= WAITING / 2, "{slow} of {WAITING} orders took a quarter of {stood:?}");
    assert!(report.latency.max() >= stood / 2, "{:?} of {stood:?}", report.latency.max());
}

async fn until(load: &Load, is_so: impl Fn(&Snapshot) -> bool) {
    let look = async {
        while !is_so(&load.snapshot()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, look).await.unwrap();
}
