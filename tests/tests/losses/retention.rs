//! Tables that only repeats need stay as small as the retention, and who comes later than it is told.

use std::time::Duration;

use futures::future::join_all;
use madang_api::events::v1::ListCursorsRequest;
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::notifications::v1::NotificationKind;
use madang_api::within;
use madang_tests::backends::{Backends, Carrier};
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::load::{self, Behaviour, Load};
use madang_tests::random;
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit};

use tokio::time::Instant;

use crate::{counted, is_long};

/// What only repeats and readers need, by service.
const PRUNED: [(Service, &str); 8] = [
    (Service::Orders, "events_outbox"),
    (Service::Orders, "events_requests"),
    (Service::Payments, "events_outbox"),
    (Service::Payments, "events_requests"),
    (Service::Shipping, "events_outbox"),
    (Service::Inventory, "events_requests"),
    (Service::Notifications, "events_outbox"),
    (Service::Catalog, "events_requests"),
];

/// Longer than any consumer is behind: what is older is gone, so a slower one would stop with an alarm, and the audit fail.
const RETENTION: Duration = Duration::from_secs(3);
/// So long that most of what was written is past the retention before the load ends.
const AT_LEAST: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_only_repeats_need_stay_bounded_by_the_retention() {
    let orders: u64 = if is_long() { 100_000 } else { 500 };
    let retention = format!("{}s", RETENTION.as_secs());
    let keeps = Service::ALL.into_iter().filter(|service| service.owns_data());
    let mut settings: Vec<_> =
        keeps.map(|service| (service, "MADANG_RETENTION", retention.as_str())).collect();
    settings.extend_from_slice(load::UNLIMITED);
    let shop = Shop::open_with(&settings).await.unwrap();
    let behaviour = Behaviour {
        clients: 24,
        pause: Duration::from_millis(1),
        // A repeat after the retention would be another order.
        patience: Duration::from_secs(60),
        seed: random::seed(),
        moody: false,
    };
    let load = Load::start(&shop, behaviour).await.unwrap();
    let began = Instant::now();
    let mut most = PRUNED.map(|_| 0);
    while load.acknowledged() < orders || began.elapsed() < AT_LEAST {
        load.progress(50).await.unwrap();
        for (most, (service, table)) in most.iter_mut().zip(PRUNED) {
            *most = shop.count(service, table).unwrap().max(*most);
        }
    }
    let outcome = load.settle(&shop).await.unwrap();
    let sizes: Vec<_> =
        PRUNED.iter().zip(most).map(|((of, table), most)| format!("{of} {table} {most}")).collect();
    counted("retention", &format!("{} orders; the most rows: {sizes:?}", outcome.requests));
    // Each order left two rows in the outbox of orders, and one in the others: half of all is more than ever was there.
    let half = i64::try_from(outcome.requests / 2).unwrap();
    assert!(most[0] < 2 * half && most[1..].iter().all(|most| *most < half), "{half} twice: {sizes:?}");
    for (service, table) in PRUNED {
        let empty = async || Ok((shop.count(service, table)? == 0).then_some(()));
        wait::until(&format!("{table} of {service} to be empty"), PATIENCE, empty).await.unwrap();
    }
    for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
        assert_eq!(shop.count(service, "events_dead_letters").unwrap(), 0, "{service}");
    }
}

/// A consumer that was away for longer than the producer's log reaches back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_comes_later_than_the_retention_stops_by_name_and_guesses_nothing() {
    // A stream keeps its events longer than the outbox does.
    let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
    let settings = [(Service::Orders, "MADANG_RETENTION", "1s")];
    let mut shop = Shop::open_on(backends, &settings).await.unwrap();
    let customer = Customer::new(&shop, "late");
    let known = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    customer.told_once_of(&[known]).await.unwrap();
    shop.kill_nine(Service::Notifications).unwrap();
    let placed = join_all((0..3).map(|_| customer.complete(customer.wants(PLENTY, 1)))).await;
    assert!(placed.iter().all(Result::is_ok));
    let pruned = async || Ok((shop.count(Service::Orders, "events_outbox")? == 0).then_some(()));
    wait::until("the log of orders to be pruned", PATIENCE, pruned).await.unwrap();
    shop.start(Service::Notifications).await.unwrap();

    let alarm = wait::until("an alarm", PATIENCE, async || Ok(alarm_of_orders(&shop).await)).await.unwrap();
    assert_eq!(alarm, "CURSOR_BEHIND_RETENTION");
    let told = customer.told().await.unwrap();
    let confirmed = told.iter().filter(|it| it.kind() == NotificationKind::OrderConfirmed).count();
    assert_eq!(confirmed, 1, "nothing is told of the orders that it cannot read: {told:?}");
    let error = audit::clean(&shop).await.unwrap_err().to_string();
    assert!(error.contains("CURSOR_BEHIND_RETENTION"), "{error}");
}

async fn alarm_of_orders(shop: &Shop) -> Option<String> {
    let mut cursors = CursorServiceClient::new(shop.channel(Service::Notifications));
    let cursors = cursors.list_cursors(within(CALL, ListCursorsRequest {})).await.ok()?.into_inner().cursors;
    let orders = cursors.into_iter().find(|cursor| cursor.producer == "orders")?;
    Some(orders.alarm).filter(|alarm| !alarm.is_empty())
}
