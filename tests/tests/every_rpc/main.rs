//! Every RPC of every server is called with success over the network, and no RPC that a server lists is forgotten: what is
//! listed by reflection is held against what the servers themselves have counted.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]

mod domain;
mod edge;
mod events;
mod listing;
mod orders;

use std::collections::BTreeMap;

use madang_api::events::v1::OrderConfirmed;
use madang_tests::backends::{Backends, Carrier};
use madang_tests::customer::CALL;
use madang_tests::feed::{Feed, event};
use madang_tests::servers::{self, Listing};
use madang_tests::wait;
use madang_tests::{Service, Shop, ids};
use prost::Name;
use tonic::transport::Channel;

/// RPCs that never end by themselves: their callers leave, so that they count as CANCELLED.
const ENDLESS: [&str; 2] = [
    "/madang.events.v1.EventFeedService/Subscribe",
    "/madang.notifications.v1.NotificationsService/WatchNotifications",
];
/// What a server lists and cannot do with success, with the reason.
const NEVER_OK: [(Service, &str, &str); 2] = [
    (
        Service::Gateway,
        "/madang.catalog.v1.CatalogService/UpsertProduct",
        "the edge lists whole services, and refuses what is for the inside",
    ),
    (
        Service::Notifications,
        "/madang.events.v1.DeadLetterService/RedriveDeadLetter",
        "its only dead letters are events that can never be read",
    ),
];

/// The shop of this test: its consumers read made-up events, so that there are dead letters to redrive.
struct World {
    shop: Shop,
    /// An order that was confirmed, as inventory and payments are told, but of which they know nothing.
    unknown_order: String,
    /// Another, which is given up.
    lost_order: String,
    _confirmed: Feed,
    _unreadable: Feed,
}

impl World {
    async fn open() -> Self {
        let (unknown_order, lost_order) = (ids::uuid(), ids::uuid());
        let payload = |order_id: &str| OrderConfirmed {
            order_id: order_id.to_owned(),
            customer_id: "nobody".to_owned(),
            total: Some(domain::usd(500)),
        };
        let log = [&unknown_order, &lost_order].into_iter().zip(1..);
        let log = log.map(|(order, position)| event(position, order, &payload(order))).collect();
        let confirmed = Feed::serve(log).await.unwrap();
        let mut broken = event(1, &ids::uuid(), &payload(""));
        (broken.r#type, broken.payload) =
            (madang_api::events::v1::ShipmentDeparted::full_name(), vec![0xff; 8]);
        let unreadable = Feed::serve(vec![broken]).await.unwrap();
        let settings = [
            (Service::Inventory, "MADANG_ORDERS_URL", confirmed.url()),
            (Service::Payments, "MADANG_ORDERS_URL", confirmed.url()),
            (Service::Notifications, "MADANG_SHIPPING_URL", unreadable.url()),
            (Service::Shipping, "MADANG_FAULTS", "true".to_owned()),
        ];
        let settings = settings.each_ref().map(|(service, name, value)| (*service, *name, value.as_str()));
        // No stream has the made-up events.
        let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
        let shop = Shop::open_on(backends, &settings).await.unwrap();
        Self { shop, unknown_order, lost_order, _confirmed: confirmed, _unreadable: unreadable }
    }

    fn channel(&self, service: Service) -> Channel {
        self.shop.channel(service)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listed_rpc_is_called_with_success() {
    let world = World::open().await;
    domain::call_catalog(&world).await;
    domain::call_inventory(&world).await;
    domain::call_payments(&world).await;
    domain::call_shipping(&world).await;
    domain::call_faults(&world).await;
    orders::call_orders(&world).await;
    orders::call_notifications(&world).await;
    events::call_feeds(&world).await;
    events::call_consumers(&world).await;
    edge::call_gateway(&world).await;

    let mut listings = Vec::new();
    for service in Service::GRPC {
        listings.push((service, servers::ours(&world.channel(service)).await.unwrap()));
    }
    // A server counts a call when its answer is gone, which may be after the caller has it.
    let mut missing = Vec::new();
    let counted = wait::until("all calls to be counted", CALL, async || {
        missing.clear();
        for (service, listing) in &listings {
            let calls = servers::calls(&world.shop.admin_url(*service)).await?;
            missing
                .extend(uncalled(*service, listing, &calls).iter().map(|rpc| format!("{rpc} of {service}")));
        }
        Ok(missing.is_empty().then_some(()))
    });
    assert!(counted.await.is_ok(), "never called with success: {missing:#?}");
}

type Calls = BTreeMap<(String, String), u64>;

/// The RPCs of ours that a server lists and nobody has called with success.
fn uncalled(service: Service, listing: &Listing, calls: &Calls) -> Vec<String> {
    let paths = listing.iter().flat_map(|(name, rpcs)| rpcs.iter().map(move |rpc| format!("/{name}/{rpc}")));
    let counted = |path: &str, code: &str| calls.contains_key(&(path.to_owned(), code.to_owned()));
    let is_called = |path: &String| {
        let excepted = NEVER_OK.iter().any(|(of, never, _)| (*of, *never) == (service, path.as_str()));
        let left = ENDLESS.contains(&path.as_str()) && counted(path, "CANCELLED");
        excepted || left || counted(path, "OK")
    };
    paths.filter(|path| !is_called(path)).collect()
}

#[test]
fn an_rpc_that_nobody_calls_is_told() {
    let listing = servers::contracts().unwrap();
    let all = uncalled(Service::Orders, &listing, &Calls::new());
    assert!(all.contains(&"/madang.orders.v1.OrdersService/PlaceOrder".to_owned()), "{all:?}");
    let refused =
        Calls::from([(("/madang.orders.v1.OrdersService/PlaceOrder".to_owned(), "NOT_FOUND".to_owned()), 1)]);
    assert_eq!(uncalled(Service::Orders, &listing, &refused).len(), all.len());
    let called =
        Calls::from([(("/madang.orders.v1.OrdersService/PlaceOrder".to_owned(), "OK".to_owned()), 1)]);
    assert_eq!(uncalled(Service::Orders, &listing, &called).len(), all.len() - 1);
}
