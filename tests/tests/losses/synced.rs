//! Every answer leaves after its row is on the disk.

use std::path::PathBuf;
use std::process::Command;

use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{GetProductRequest, Product, UpsertProductRequest};
use madang_api::orders::v1::{Order, OrderState};
use madang_api::within;
use madang_tests::backends::{Backends, skipped};
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::strace::{self, Row, Verdict};
use madang_tests::{Service, Shop, audit, ids};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{counted, local};

const ORDERS: usize = 5;
/// Who writes on behalf of callers, and who is told so. Notifications answers no write.
const ASKED: [Service; 4] = [Service::Inventory, Service::Payments, Service::Shipping, Service::Orders];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_leaves_after_its_row_is_synced() {
    let Some(traced) = Traced::open("every_answer_leaves_after_its_row_is_synced", "full").await else {
        return;
    };
    let mut told = 0;
    for (service, verdicts) in traced.verdicts().await {
        for verdict in verdicts {
            let Verdict::Durable(times) = verdict else { panic!("{service}: {verdict:?}") };
            told += times;
        }
    }
    counted("synced", &format!("{told} answers about {ORDERS} orders and a product, each after its sync"));
}

/// The control: where the log is not synced, the same check says so of every service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_wait_for_the_sync_is_noticed() {
    let Some(traced) = Traced::open("an_answer_that_does_not_wait_for_the_sync_is_noticed", "off").await
    else {
        return;
    };
    for (service, verdicts) in traced.verdicts().await {
        assert!(verdicts.iter().all(|it| *it == Verdict::ToldTooEarly), "{service}: {verdicts:?}");
    }
}

/// A shop whose services are traced, and what was asked of it, one after the other.
struct Traced {
    shop: Shop,
    orders: Vec<Order>,
    product: String,
    traces: TempDir,
}

impl Traced {
    /// None, and said so, where there is no strace.
    async fn open(test: &str, synchronous: &str) -> Option<Self> {
        let strace = Command::new("strace").arg("--version").output();
        if let Err(why) = local().and_then(|()| strace.map_err(|error| format!("needs strace: {error}"))) {
            skipped(test, &why);
            return None;
        }
        let traces = tempfile::tempdir().unwrap();
        let owners = Service::ALL.into_iter().filter(|service| service.owns_data());
        let settings: Vec<_> =
            owners.clone().map(|service| (service, "MADANG_DATABASE_SYNCHRONOUS", synchronous)).collect();
        let mut shop = Shop::new_on(Backends::LOCAL, &settings).unwrap();
        for service in owners {
            let trace = trace(&traces, service).display().to_string();
            shop.run_under(service, &strace::command(&trace));
        }
        shop.start_all(&Service::ALL).await.unwrap();
        let customer = Customer::new(&shop, "disk");
        let mut orders = Vec::new();
        for _ in 0..ORDERS {
            let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
            assert_eq!(order.state(), OrderState::Confirmed);
            orders.push(order);
            // At rest, so that what one order still writes does not stand beside another's rows on a page of the log.
            audit::clean(&shop).await.unwrap();
        }
        let product = write_product(&shop).await;
        Some(Self { shop, orders, product, traces })
    }

    /// What the traces say of each row, after the services have ended.
    async fn verdicts(mut self) -> Vec<(Service, Vec<Verdict>)> {
        let mut verdicts = Vec::new();
        for service in ASKED.into_iter().chain([Service::Catalog]) {
            self.shop.stop(service).await.unwrap();
            let rows = if service == Service::Catalog {
                vec![Row { logged: self.product.clone().into(), told: self.product.clone().into() }]
            } else {
                self.orders.iter().map(row).collect()
            };
            let deeds = strace::deeds(&std::fs::read_to_string(trace(&self.traces, service)).unwrap());
            verdicts.push((service, rows.iter().map(|row| strace::judge(&deeds, row)).collect()));
        }
        verdicts
    }
}

fn trace(folder: &TempDir, service: Service) -> PathBuf {
    folder.path().join(format!("{service}.strace"))
}

/// An order's id is bytes in the tables, and text in answers.
fn row(order: &Order) -> Row {
    let id: Uuid = order.order_id.parse().unwrap();
    Row { logged: id.as_bytes().to_vec(), told: order.order_id.clone().into() }
}

async fn write_product(shop: &Shop) -> String {
    let mut catalog = CatalogServiceClient::new(shop.channel(Service::Catalog));
    let known = GetProductRequest { product_id: PLENTY.to_owned() };
    let known = catalog.get_product(within(CALL, known)).await.unwrap().into_inner().product.unwrap();
    let product_id = "strace-lantern".to_owned();
    let product = Product { product_id: product_id.clone(), ..known };
    let request = UpsertProductRequest { request_id: ids::uuid(), product: Some(product) };
    catalog.upsert_product(within(CALL, request)).await.unwrap();
    product_id
}
