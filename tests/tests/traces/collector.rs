//! A collector that is away, silent, or refuses harms no order; what is lost is counted, said once, and export goes on.

use std::collections::BTreeSet;

use madang_api::orders::v1::OrderState;
use madang_tests::customer::{Customer, PLENTY};
use madang_tests::spans::Receiver;
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, web};
use tokio::net::TcpListener;

const ORDERS: usize = 5;

async fn shop(url: &str) -> Shop {
    Shop::open_with(&Service::ALL.map(|service| (service, "MADANG_OTLP_ENDPOINT", url))).await.unwrap()
}

async fn all_are_confirmed(shop: &Shop) {
    let customer = Customer::new(shop, "bom");
    for _ in 0..ORDERS {
        let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
        assert_eq!(order.state(), OrderState::Confirmed);
    }
}

/// A count of orders' spans.
async fn count(shop: &Shop, name: &str) -> u64 {
    let metrics = web::get(&format!("{}/metrics", shop.admin_url(Service::Orders))).await.unwrap().text;
    let start = format!("madang_telemetry_spans_{name} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or_default()
}

async fn some_are_counted(shop: &Shop, name: &str) {
    let counted = async || Ok(Some(count(shop, name).await).filter(|count| *count > 0));
    wait::until(name, PATIENCE, counted).await.unwrap();
}

const FAILED: &str = "dropped_total{reason=\"export_failed\"}";

fn said(shop: &Shop, text: &str) -> usize {
    let log = shop.log_lines(Service::Orders).unwrap();
    log.iter().filter(|line| line["message"].as_str().is_some_and(|message| message.contains(text))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_harms_no_order_and_gets_the_spans_once_it_is_there() {
    let receiver = Receiver::start().await.unwrap();
    let (address, url) = (receiver.address(), receiver.url());
    drop(receiver);
    let shop = shop(&url).await;
    all_are_confirmed(&shop).await;
    some_are_counted(&shop, FAILED).await;
    all_are_confirmed(&shop).await;
    let receiver = wait::until("the port", PATIENCE, async || Ok(Receiver::start_at(address).await.ok()));
    let receiver = receiver.await.unwrap();
    let customer = Customer::new(&shop, "sae");
    let everybody = wait::until("spans of all who take part", PATIENCE, async || {
        customer.complete(customer.wants(PLENTY, 1)).await?;
        let services: BTreeSet<String> = receiver.spans().into_iter().map(|span| span.service).collect();
        Ok((services.len() == Service::ALL.len() - 1).then_some(services))
    });
    assert!(!everybody.await.unwrap().contains("console"));
    some_are_counted(&shop, "exported_total").await;
    assert_eq!((said(&shop, "traces cannot be exported"), said(&shop, "exported again")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_silent_harms_no_order() {
    // Connections are made, since the system takes them, and nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = shop(&format!("http://{}", silent.local_addr().unwrap())).await;
    all_are_confirmed(&shop).await;
    some_are_counted(&shop, FAILED).await;
    all_are_confirmed(&shop).await;
    assert_eq!(said(&shop, "traces cannot be exported"), 1);
}

/// An endpoint that speaks something else: the console's page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_no_collector_harms_no_order() {
    let mut shop = Shop::new(&[]).unwrap();
    let url = shop.url(Service::Console);
    for service in Service::ALL {
        shop.set(service, "MADANG_OTLP_ENDPOINT", Some(&url));
    }
    shop.start_all(&Service::ALL).await.unwrap();
    all_are_confirmed(&shop).await;
    some_are_counted(&shop, FAILED).await;
    assert_eq!(said(&shop, "traces cannot be exported"), 1);
}
