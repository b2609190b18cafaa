use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use madang_load::{Errors, Kind, Load, Orders, Report, Schedule, Settings};
use uuid::Uuid;

use crate::fake::{Fake, Fate, LATER, Serving};

/// So many orders, all within a tenth of a second.
fn orders(shop: &Serving, count: u32) -> Settings {
    let schedule = Schedule::constant(f64::from(count) * 10.0, Duration::from_millis(100)).unwrap();
    let mix = "order=1".parse().unwrap();
    Settings { mix, ..Settings::new(&shop.url, schedule, Uuid::from_u128(7)) }
}

async fn report(settings: Settings) -> Report {
    Load::start(settings).await.unwrap().report(pending()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_has_its_end_in_the_report() {
    let shop = Fake::serve(&[Fate::Confirm, Fate::Reject, Fate::Stuck, Fate::Refuse, Fate::Confirm]).await;
    let report = report(orders(&shop, 50)).await;
    let expected = Orders {
        acknowledged: 40,
        confirmed: 20,
        rejected: BTreeMap::from([("OUT_OF_STOCK".to_owned(), 10)]),
        stuck: 10,
        refused: 10,
        ..Orders::default()
    };
    assert_eq!(report.orders, expected);
    assert_eq!(report.orders.wrong(), 10);
    let refused = Errors {
        kind: Kind::PlaceOrder,
        code: "FAILED_PRECONDITION",
        reason: Some("REGION_NOT_SERVED".to_owned()),
        at_first: 10,
        at_last: 10,
    };
    assert_eq!(report.errors, [refused]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_is_asked_for_by_the_same_request_id() {
    let shop = Fake::serve(&[Fate::LoseTheAnswer, Fate::Confirm]).await;
    let report = report(orders(&shop, 20)).await;
    let Orders { acknowledged, asked_again, found_again, confirmed, .. } = report.orders;
    assert_eq!((acknowledged, asked_again, found_again, confirmed), (20, 10, 10, 20));
    assert_eq!(shop.fake.requests(), 20, "a repeat is no new request");
    assert_eq!((report.failed, report.orders.wrong()), (10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_shop_forgot_is_lost_and_one_too_many_is_surplus() {
    let shop = Fake::serve(&[Fate::Forget, Fate::Double, Fate::Confirm]).await;
    let Orders { acknowledged, confirmed, lost, surplus, .. } = report(orders(&shop, 30)).await.orders;
    assert_eq!((acknowledged, confirmed, lost, surplus), (30, 20, 10, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_does_not_end_is_pending_when_the_patience_is_over() {
    let shop = Fake::serve(&[Fate::Wait]).await;
    let patience = Duration::from_millis(300);
    let Orders { acknowledged, pending, unread, .. } =
        report(Settings { patience, ..orders(&shop, 5) }).await.orders;
    // Where the machine is slow it was not read once, which is told too.
    assert_eq!((acknowledged, pending + unread), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_wait_gets_the_report_at_once() {
    let shop = Fake::serve(&[Fate::Wait]).await;
    let patience = Duration::from_secs(3_600);
    let load = Load::start(Settings { patience, ..orders(&shop, 5) }).await.unwrap();
    load.done().await;
    let report = load.report(async {}).await.unwrap();
    assert_eq!(report.orders.pending + report.orders.unread, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_has_the_same_request_id_and_both_outcomes_are_counted() {
    let shop = Fake::serve(&[Fate::FailOnce, Fate::Confirm]).await;
    let report = report(Settings { retries: 1, ..orders(&shop, 20) }).await;
    assert_eq!(shop.fake.requests(), 20);
    assert_eq!((report.ok, report.failed, report.kinds[0].failed_at_first), (20, 0, 10));
    let errors: Vec<_> = report.errors.iter().map(|it| (it.code, it.at_first, it.at_last)).collect();
    assert_eq!(errors, [("UNAVAILABLE", 10, 0)]);
    assert_eq!((report.orders.confirmed, report.orders.asked_again), (20, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_come_later_comes_no_sooner() {
    let shop = Fake::serve(&[Fate::Later]).await;
    let report = report(Settings { retries: 1, ..orders(&shop, 5) }).await;
    assert_eq!((report.ok, report.failed, report.kinds[0].failed_at_first), (5, 0, 5));
    assert!(report.kinds[0].latency.quantile(0.0) >= LATER, "{:?}", report.kinds[0].latency);
    assert_eq!((report.orders.confirmed, report.orders.refused), (5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_not_tried_again() {
    let shop = Fake::serve(&[Fate::Refuse]).await;
    let report = report(Settings { retries: 3, ..orders(&shop, 5) }).await;
    assert_eq!((report.failed, report.errors[0].at_first, report.errors[0].at_last), (5, 5, 5));
    assert_eq!((report.orders.refused, report.orders.asked_again), (5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_products_are_ordered_and_no_others() {
    let shop = Fake::serve(&[Fate::Confirm]).await;
    let products = vec!["moon-jar".parse().unwrap()];
    report(Settings { products, ..orders(&shop, 5) }).await;
    assert_eq!(shop.fake.products_ordered().into_iter().collect::<Vec<_>>(), ["moon-jar"]);
    report(Settings { run: Uuid::from_u128(8), ..orders(&shop, 50) }).await;
    assert_eq!(shop.fake.products_ordered().into_iter().collect::<Vec<_>>(), ["kite", "moon-jar", "tea-cup"]);
}
