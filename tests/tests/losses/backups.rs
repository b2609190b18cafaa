//! A consumer whose database is an old copy of itself.

use futures::future::join_all;
use madang_api::events::v1::ListDeadLettersRequest;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::within;
use madang_tests::backends::{Backends, Carrier};
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit};

const BEFORE: usize = 3;
const AFTER: usize = 5;

async fn buy(customer: &Customer, orders: usize) -> Vec<Order> {
    let orders = join_all((0..orders).map(|_| customer.complete(customer.wants(PLENTY, 1)))).await;
    let orders: Vec<Order> = orders.into_iter().map(Result::unwrap).collect();
    assert!(orders.iter().all(|order| order.state() == OrderState::Confirmed), "{orders:?}");
    orders
}

async fn back_up(shop: &mut Shop, services: &[Service]) {
    for service in services {
        shop.stop(*service).await.unwrap();
        shop.back_up(*service).unwrap();
    }
    shop.start_all(services).await.unwrap();
}

async fn restore(shop: &mut Shop, services: &[Service]) {
    for service in services {
        shop.stop(*service).await.unwrap();
        shop.restore(*service).unwrap();
    }
}

/// All that it has comes from events: it replays what it lost, and what it had stays told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_restored_from_an_old_backup_replays_without_a_second_effect() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "old");
    let mut orders = buy(&customer, BEFORE).await;
    customer.told_once_of(&orders).await.unwrap();
    back_up(&mut shop, &[Service::Notifications]).await;
    orders.extend(buy(&customer, AFTER).await);
    customer.told_once_of(&orders).await.unwrap();

    restore(&mut shop, &[Service::Notifications]).await;
    let rows = shop.count(Service::Notifications, "notifications").unwrap();
    assert_eq!(rows, 2 * i64::try_from(BEFORE).unwrap(), "what was told after the backup is lost");
    shop.start(Service::Notifications).await.unwrap();
    customer.told_once_of(&orders).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

/// Stock and money that were moved by events alone since the backup are moved again, once: back to where they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_participants_catch_up_with_the_events_since_the_backup() {
    const PARTICIPANTS: [Service; 2] = [Service::Inventory, Service::Payments];
    // The parcels stay, so that confirmed orders can be cancelled.
    let deaf = (Service::Shipping, "MADANG_PAYMENTS_URL", "http://127.0.0.1:9");
    // Nothing else must carry the news of the payment.
    let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
    let mut shop = Shop::open_on(backends, &[deaf]).await.unwrap();
    let customer = Customer::new(&shop, "old");
    let orders = buy(&customer, BEFORE).await;
    settled(&shop, [BEFORE, 0, BEFORE, 0]).await;
    back_up(&mut shop, &PARTICIPANTS).await;
    for order in &orders[1..] {
        let cancelled = customer.cancel(CALL, &order.order_id).await.unwrap();
        assert_eq!(cancelled.state(), OrderState::Cancelled);
    }
    settled(&shop, [1, BEFORE - 1, 1, BEFORE - 1]).await;
    let entries = shop.count(Service::Payments, "ledger_entries").unwrap();

    restore(&mut shop, &PARTICIPANTS).await;
    assert_eq!(counts(&shop), [BEFORE, 0, BEFORE, 0].map(|count| count.to_string()), "back in time");
    shop.start_all(&PARTICIPANTS).await.unwrap();
    settled(&shop, [1, BEFORE - 1, 1, BEFORE - 1]).await;
    assert_eq!(shop.count(Service::Payments, "ledger_entries").unwrap(), entries);
    shop.kill_nine(Service::Shipping).unwrap();
    shop.set(Service::Shipping, "MADANG_PAYMENTS_URL", None);
    shop.start(Service::Shipping).await.unwrap();
    audit::clean(&shop).await.unwrap();
    let orders = customer.list().await.unwrap();
    customer.told_once_of(&orders).await.unwrap();
}

/// How many reservations are sold and released, and how many payments are captured and refunded.
fn counts(shop: &Shop) -> [String; 4] {
    let count = |service, table, state| {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE state = '{state}'");
        shop.ask(service, &sql).unwrap().remove(0)
    };
    [
        count(Service::Inventory, "reservations", "SOLD"),
        count(Service::Inventory, "reservations", "RELEASED"),
        count(Service::Payments, "payments", "CAPTURED"),
        count(Service::Payments, "payments", "REFUNDED"),
    ]
}

async fn settled(shop: &Shop, expected: [usize; 4]) {
    let expected = expected.map(|count| count.to_string());
    let settled = async || Ok((counts(shop) == expected).then_some(()));
    let waited = wait::until("stock and money to follow the events", PATIENCE, settled).await;
    waited.unwrap_or_else(|error| panic!("{error}: {:?}, not {expected:?}", counts(shop)));
}

/// A backup that is older than a step is a loss that no replay mends. It is told by name, and nothing is made up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_that_lost_a_step_says_so_and_makes_nothing_up() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "old");
    let known = buy(&customer, 1).await;
    audit::clean(&shop).await.unwrap();
    back_up(&mut shop, &[Service::Inventory]).await;
    let stock = "SELECT available FROM stock WHERE product_id = 'homi-hand-hoe'";
    let before = shop.ask(Service::Inventory, stock).unwrap();
    let lost = buy(&customer, 1).await;
    audit::clean(&shop).await.unwrap();
    restore(&mut shop, &[Service::Inventory]).await;
    shop.start(Service::Inventory).await.unwrap();

    let mut dead_letters = DeadLetterServiceClient::new(shop.channel(Service::Inventory));
    let named = wait::until("a dead letter", PATIENCE, async || {
        let request = ListDeadLettersRequest::default();
        let listed = dead_letters.list_dead_letters(within(CALL, request)).await?.into_inner().dead_letters;
        Ok(listed.into_iter().next().and_then(|letter| letter.event))
    });
    let named = named.await.unwrap();
    assert_eq!(named.key, lost[0].order_id);
    assert_eq!(
        shop.ask(Service::Inventory, stock).unwrap(),
        before,
        "nothing is sold that was not set aside"
    );
    let found = audit::clean(&shop).await.unwrap_err().to_string();
    assert!(found.contains("pieces reserved and sold are those of orders"), "{found}");
    customer.told_once_of(&[known, lost].concat()).await.unwrap();
}
