//! Clocks that step by an hour, back and forth, each service's on its own.

use madang_tests::backends::{Backends, Database, skipped};
use madang_tests::load::{Behaviour, Load, UNLIMITED};
use madang_tests::random::{self, Random};
use madang_tests::{Service, Shop};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

use crate::{counted, is_long};

const BETWEEN: u64 = 10;
/// In seconds.
const STEPS: [&str; 3] = ["+0", "+3600", "-3600"];
const HOUR: i64 = 3_600_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_step_by_an_hour_break_nothing() {
    let Some(library) = library() else {
        return skipped("clocks_that_step_by_an_hour_break_nothing", "needs libfaketime");
    };
    let steps = if is_long() { 60 } else { 12 };
    let seed = random::seed();
    let mut random = Random::new(seed, 2_000);
    let clocks = Clocks::new();
    let settings: Vec<_> =
        Service::ALL.into_iter().flat_map(|service| clocks.settings(service, &library)).collect();
    let mut settings: Vec<_> =
        settings.iter().map(|(of, name, value)| (*of, *name, value.as_str())).collect();
    settings.extend_from_slice(UNLIMITED);
    let mut shop = Shop::open_with(&settings).await.unwrap();
    let has_replicas = Backends::of_this_run().unwrap().database != Database::Sqlite;
    if has_replicas {
        // It would take over the orders of one that it believes gone.
        shop.start(Service::Orders.replica(1)).await.unwrap();
    }
    let load = Load::start(&shop, Behaviour::moody(seed)).await.unwrap();
    for _ in 0..steps {
        load.progress(BETWEEN).await.unwrap();
        let step: &str = random.one_of::<&str>(&STEPS);
        clocks.step(*random.one_of(&Service::ALL), step);
    }
    // Whatever chance did, orders has seen an hour pass in a moment, and come back.
    for step in ["+3600", "-3600", "+0"] {
        clocks.step(Service::Orders, step);
        load.progress(BETWEEN).await.unwrap();
    }
    Service::ALL.into_iter().for_each(|service| clocks.step(service, "+0"));
    let outcome = load.settle(&shop).await.unwrap();
    assert_eq!(shop.ended(), [""; 0]);
    let span = "SELECT MAX(created_at) - MIN(created_at) FROM orders";
    let span: i64 = shop.ask(Service::Orders, span).unwrap()[0].parse().unwrap();
    assert!(
        span > 2 * HOUR - HOUR / 60,
        "the clock of orders did step: {span} µs between the first and last order"
    );
    if has_replicas {
        let owners = shop.ask(Service::Orders, "SELECT COUNT(DISTINCT owner) FROM orders").unwrap();
        assert_eq!(owners, ["1"], "no replica was taken for dead");
    }
    counted("clocks", &format!("seed {seed}, {} steps: {outcome}", steps + 3));
}

/// Where Debian's package faketime, and others', have the library for programs with threads.
fn library() -> Option<PathBuf> {
    let parents = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
    ];
    let paths = parents.into_iter().map(|parent| PathBuf::from(parent).join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.is_file())
}

/// A file for each service, which says by how much its clock is wrong.
struct Clocks(TempDir);

impl Clocks {
    fn new() -> Self {
        let clocks = Self(tempfile::tempdir().unwrap());
        Service::ALL.into_iter().for_each(|service| clocks.step(service, "+0"));
        clocks
    }

    fn file(&self, service: Service) -> PathBuf {
        self.0.path().join(service.name())
    }

    /// At once: the file is never seen half written.
    fn step(&self, service: Service, seconds: &str) {
        let next = self.0.path().join("next");
        fs::write(&next, seconds).unwrap();
        fs::rename(next, self.file(service)).unwrap();
    }

    fn settings(&self, service: Service, library: &std::path::Path) -> [(Service, &'static str, String); 4] {
        [
            (service, "LD_PRELOAD", library.display().to_string()),
            (service, "FAKETIME_TIMESTAMP_FILE", self.file(service).display().to_string()),
            (service, "FAKETIME_NO_CACHE", "1".to_owned()),
            // A system's step does not move this one either.
            (service, "FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}
