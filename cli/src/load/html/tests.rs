use std::time::Duration;

use madang_load::{Arrivals, Bucket, Errors, Generator, Kind, Quantile, Series};

use super::*;
use crate::page::well_formed::elements;

/// A load that a shop bore badly, with a gateway that no shop has.
fn report() -> Report {
    let mut latency = Histogram::new();
    (1..=500).for_each(|ms| latency.record(Duration::from_millis(ms)));
    let bucket = |second: u64| Bucket {
        at_ms: second * 1_000,
        sent: 10,
        not_sent: second % 2,
        done: 10,
        failed: second % 3,
        p50_us: (second != 4).then_some(900 + second),
        p99_us: (second != 4).then_some(90_000),
        max_us: (second != 4).then_some(900_000),
    };
    let quantile = |(share, us)| Quantile { share, us };
    let kind = KindReport {
        kind: Kind::PlaceOrder,
        sent: 500,
        not_sent: 5,
        ok: 490,
        failed: 10,
        failed_at_first: 12,
        latency: latency.clone(),
        latency_ok: latency.clone(),
    };
    let (code, reason) = ("UNAVAILABLE", Some("<script>".to_owned()));
    Report {
        version: Report::VERSION,
        settings: told(),
        sent_seconds: 10.0,
        done_seconds: 11.0,
        stopped_early: true,
        intended: 505,
        sent: 500,
        not_sent: 5,
        ok: 490,
        failed: 10,
        unanswered: 0,
        intended_rate: 50.5,
        sent_rate: 50.0,
        ok_rate: 49.0,
        generator: Generator { paced_late: latency.clone(), begun_late: latency.clone(), in_time: false },
        latency,
        kinds: vec![kind],
        errors: vec![Errors { kind: Kind::PlaceOrder, code, reason, at_first: 12, at_last: 10 }],
        orders: Orders { acknowledged: 490, confirmed: 489, stuck: 1, ..Orders::default() },
        distribution: [(0.5, 250_000), (0.9, 450_000), (1.0, 500_000)].map(quantile).to_vec(),
        series: Series { interval_ms: 1_000, buckets: (0..10).map(bucket).collect() },
    }
}

fn told() -> Told {
    Told {
        gateway: "http://<b>".to_owned(),
        phases: vec![(50.5, 10.0)],
        arrivals: Arrivals::Constant,
        mix: "order=1".to_owned(),
        products: vec![("kite".to_owned(), 2)],
        seed: 1,
        run: "1".to_owned(),
        connections: 4,
        in_flight: 100,
        deadline_ms: 5_000,
        retries: 0,
    }
}

#[test]
fn a_page_is_well_formed_and_what_others_wrote_stays_text() {
    let page = page(&report());
    let elements = elements(&page).unwrap();
    assert!(elements.iter().all(|it| it.name != "b" && it.name != "script"), "{page}");
    assert!(page.contains("http://&lt;b&gt;") && page.contains("UNAVAILABLE &lt;script&gt;"), "{page}");
}
