//! What stopped for good, and how an operator gets it going again with `madang`.

use madang_api::inventory::v1::ReserveStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::types::v1::ProductQuantity;
use madang_tests::backends::{Backends, Carrier};
use madang_tests::customer::{CALL, Customer, PLENTY, SHORT};
use madang_tests::madang::{self, Told};
use madang_tests::refusal::Refusal;
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit};
use serde_json::{Value, json};

use crate::outcome;

const JSON: [&str; 2] = ["--output", "json"];
const NOWHERE: &str = "http://127.0.0.1:9";

async fn run(shop: &Shop, args: &[&str]) -> Told {
    madang::run(shop, args).await.unwrap()
}

/// What a command that succeeds tells to programs.
async fn told(shop: &Shop, args: &[&str]) -> Value {
    let told = run(shop, &[args, &JSON].concat()).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    told.json().unwrap()
}

/// Orders is sent to payments that decline a card and then refuse to void; an operator sees to that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_order_is_listed_and_resumed_once_its_cause_is_gone() {
    let reasons = [("AuthorizePayment", "CARD_DECLINED"), ("VoidPayment", "PAYMENT_CAPTURED")];
    let wrong = Refusal::of_payments(&reasons).await.unwrap();
    let url = wrong.url();
    let mut shop = Shop::open_with(&[(Service::Orders, "MADANG_PAYMENTS_URL", &url)]).await.unwrap();
    let customer = Customer::new(&shop, "sora");
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(outcome(&order), (OrderState::Stuck, "CARD_DECLINED"));
    let sagas = told(&shop, &["sagas", "list", "--state", "stuck"]).await;
    assert_eq!(sagas["sagas"].as_array().unwrap().len(), 1, "{sagas:#}");
    let saga = &sagas["sagas"][0];
    assert_eq!(
        (&saga["orderId"], &saga["stuckIn"]),
        (&json!(order.order_id), &json!("ORDER_STATE_REJECTING"))
    );
    assert_eq!(saga["undos"], json!(["authorize-payment", "reserve-stock"]));
    let table = run(&shop, &["sagas", "list"]).await.stdout;
    assert!(table.contains(&order.order_id) && table.contains("STUCK in REJECTING"), "{table}");

    let resumed = run(&shop, &["sagas", "resume", &order.order_id]).await;
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let again = customer.end_of(&order.order_id).await.unwrap();
    assert_eq!(again.state(), OrderState::Stuck, "its cause is still there");

    shop.kill_nine(Service::Orders).unwrap();
    shop.set(Service::Orders, "MADANG_PAYMENTS_URL", None);
    shop.start(Service::Orders).await.unwrap();
    let resumed = told(&shop, &["sagas", "resume", "--all"]).await;
    assert_eq!(resumed["orders"][0]["order"]["orderId"], json!(order.order_id));
    let rejected = customer.end_of(&order.order_id).await.unwrap();
    assert_eq!(outcome(&rejected), (OrderState::Rejected, "CARD_DECLINED"));
    assert_eq!(told(&shop, &["sagas", "list"]).await["sagas"], json!([]));
    customer.told_once_of(&[rejected]).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_waits_is_listed_with_the_step_that_it_waits_for() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "mio");
    shop.kill_nine(Service::Inventory).unwrap();
    let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Pending);
    let waits = wait::until("the order to wait for its stock", PATIENCE, async || {
        let sagas = madang::run(&shop, &["sagas", "list", "--state", "open", "--output", "json"]).await?;
        let saga = sagas.json()?["sagas"][0].clone();
        Ok((saga["wait"]["failures"].as_i64() > Some(0)).then_some(saga))
    });
    let saga = waits.await.unwrap();
    assert_eq!(saga["orderId"], json!(order.order_id));
    assert_eq!(saga["wait"]["step"], "reserve-stock", "{saga:#}");
    assert!(!saga["wait"]["cause"].as_str().unwrap().is_empty(), "{saga:#}");
    shop.start(Service::Inventory).await.unwrap();
    assert_eq!(customer.end_of(&order.order_id).await.unwrap().state(), OrderState::Confirmed);
    customer.told_once_of(&[customer.order(&order.order_id).await.unwrap()]).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

/// Inventory loses its database: it then reads of orders that it knows nothing of. One of them is to be sold all the same, the
/// other was cancelled meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_redriven_and_discarded() {
    // Both read no events, so that nothing is sold and no parcel departs.
    let deaf = [
        (Service::Inventory, "MADANG_ORDERS_URL", NOWHERE),
        (Service::Shipping, "MADANG_PAYMENTS_URL", NOWHERE),
    ];
    // A stream would be read without its producer.
    let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
    let mut shop = Shop::open_on(backends, &deaf).await.unwrap();
    let customer = Customer::new(&shop, "juno");
    let sold = customer.complete(customer.wants(PLENTY, 2)).await.unwrap();
    let cancelled = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    let cancelled = customer.cancel(CALL, &cancelled.order_id).await.unwrap();
    assert_eq!((sold.state(), cancelled.state()), (OrderState::Confirmed, OrderState::Cancelled));
    shop.kill_nine(Service::Inventory).unwrap();
    shop.forget(Service::Inventory).unwrap();
    hear(&mut shop, Service::Inventory, "MADANG_ORDERS_URL").await;

    let letters = dead_letters(&shop, 2).await;
    let of = |order: &Order| letters.iter().find(|it| it["key"] == json!(order.order_id)).unwrap().clone();
    let (to_sell, to_give_up) = (of(&sold), of(&cancelled));
    assert_eq!(
        (&to_sell["kind"], &to_sell["reason"]),
        (&json!("OrderConfirmed"), &json!("RESERVATION_NOT_FOUND"))
    );
    assert_eq!((&to_sell["parked"], &to_give_up["parked"]), (&json!(0), &json!(1)), "a cancellation waits");
    let table = run(&shop, &["dead-letters", "list"]).await.stdout;
    assert!(table.contains("RESERVATION_NOT_FOUND") && table.contains(&sold.order_id), "{table}");
    let hasty = run(&shop, &["dead-letters", "redrive", "--all"]).await;
    assert_eq!(hasty.code, Some(1), "{hasty:?}");
    assert!(hasty.stdout.contains("REDRIVE_FAILED") && hasty.stdout.contains("RESERVATION_NOT_FOUND"));

    reserve(&shop, &sold).await;
    let event = to_sell["event_id"].as_str().unwrap();
    let redriven = told(&shop, &["dead-letters", "redrive", event]).await;
    assert_eq!(
        (&redriven["redriven"][0]["applied"], &redriven["redriven"][0]["service"]),
        (&json!(1), &json!("inventory"))
    );
    let event = to_give_up["event_id"].as_str().unwrap();
    let reason = ["--reason", "the order was cancelled, and its stock is gone"];
    let discarded = told(&shop, &[&["dead-letters", "discard", event][..], &reason].concat()).await;
    assert_eq!((&discarded["applied"], &discarded["next_dead_letter_id"]), (&json!(1), &json!("")));
    assert_eq!(told(&shop, &["dead-letters", "list"]).await["dead_letters"], json!([]));

    shop.kill_nine(Service::Shipping).unwrap();
    hear(&mut shop, Service::Shipping, "MADANG_PAYMENTS_URL").await;
    audit::clean(&shop).await.unwrap();
}

/// Starts a service that reads its events again.
async fn hear(shop: &mut Shop, service: Service, setting: &str) {
    shop.set(service, setting, None);
    shop.start(service).await.unwrap();
}

/// Waits until there are so many.
async fn dead_letters(shop: &Shop, count: usize) -> Vec<Value> {
    wait::until("the dead letters", PATIENCE, async || {
        let list = madang::run(shop, &["dead-letters", "list", "--output", "json"]).await?.json()?;
        let letters = list["dead_letters"].as_array().cloned().unwrap_or_default();
        let parked: u64 = letters.iter().filter_map(|letter| letter["parked"].as_u64()).sum();
        Ok((letters.len() == count && parked == 1).then_some(letters))
    })
    .await
    .unwrap()
}

/// Sets the order's pieces aside by hand.
async fn reserve(shop: &Shop, order: &Order) {
    let line = |line: &madang_api::orders::v1::OrderLine| ProductQuantity {
        product_id: line.product_id.clone(),
        quantity: line.quantity,
    };
    let request = ReserveStockRequest {
        order_id: order.order_id.clone(),
        lines: order.lines.iter().map(line).collect(),
        expire_time: None,
    };
    InventoryServiceClient::new(shop.channel(Service::Inventory)).reserve_stock(request).await.unwrap();
}
