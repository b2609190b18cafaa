//! An order through the skeleton is an order: each process has its rows, and reads see it.

use std::time::Duration;

use madang_api::catalog::v1::GetProductRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_bench::{Process, Skeleton, cpu};
use madang_load::{Arrivals, Load, Schedule, Settings};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::program;

/// One number of a service's database, read beside the service.
fn number(skeleton: &Skeleton, service: &str, sql: &str) -> i64 {
    let file = skeleton.data().join(format!("{service}.db"));
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_through_the_skeleton_are_confirmed_and_their_rows_are_there() {
    let skeleton = Skeleton::open(program()).await.unwrap();
    let schedule = Schedule::constant(1.0, Duration::from_millis(500)).unwrap();
    let settings = Settings::new(skeleton.url(), schedule, Uuid::from_u128(1 << 64));
    let settings =
        Settings { mix: "order=1".parse().unwrap(), arrivals: Arrivals::Closed, in_flight: 8, ..settings };
    let report = Load::start(settings).await.unwrap().report(std::future::pending()).await.unwrap();
    let orders = i64::try_from(report.orders.confirmed).unwrap();
    assert!(orders > 0 && report.is_clean(), "{:?} {:?}", report.orders, report.errors);
    let count = |service, sql| number(&skeleton, service, sql);
    let confirmed = "SELECT count(*) FROM orders WHERE state = 'CONFIRMED' AND card_token IS NULL";
    assert_eq!(count("orders", confirmed), orders);
    assert_eq!(count("orders", "SELECT count(DISTINCT request_id) FROM requests"), orders);
    assert_eq!(count("inventory", "SELECT count(*) FROM reservations WHERE state = 'RESERVED'"), orders);
    assert_eq!(count("inventory", "SELECT reserved FROM stock"), orders);
    assert_eq!(count("payments", "SELECT count(*) FROM payments WHERE state = 'AUTHORIZED'"), orders);
    assert_eq!(count("payments", "SELECT count(*) FROM ledger_entries"), 2 * orders);
    assert_eq!(count("payments", "SELECT sum(minor_units) FROM ledger_entries"), 0);
    assert_eq!(count("shipping", "SELECT count(*) FROM shipments WHERE state = 'ARRANGED'"), orders);
    assert!(cpu(&skeleton.pids()).unwrap() > Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forwarder_answers_what_the_echo_answers() {
    let echo = Process::start(program(), "echo", None, &[]).await.unwrap();
    let forwarder = Process::start(program(), "forwarder", None, &[("--to", &echo.url)]).await.unwrap();
    let mut answers = Vec::new();
    for url in [echo.url.clone(), forwarder.url.clone()] {
        let mut catalog = CatalogServiceClient::connect(url).await.unwrap();
        let request = GetProductRequest { product_id: "homi-hand-hoe".to_owned() };
        answers.push(catalog.get_product(request).await.unwrap().into_inner());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].product.as_ref().unwrap().product_id, "homi-hand-hoe");
}
