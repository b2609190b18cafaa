//! What operators see of events: how far behind a consumer is, and which order a line of its log belongs to.

use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{Event, SubscribeRequest};
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, SetFaultRequest};
use madang_api::orders::v1::{Order, OrderState};
use madang_api::within;
use madang_tests::customer::{CALL, Customer, PLENTY};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Backends, Service, Shop, audit, backends::Carrier, web};
use serde_json::Value;
use tonic::Code;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOWHERE: &str = "http://127.0.0.1:9";

/// On feeds alone: a stream would be read without its producer.
fn on_feeds() -> Backends {
    Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() }
}

/// A gauge of a service's events of orders.
async fn gauge(shop: &Shop, service: Service, name: &str) -> Option<f64> {
    let metrics = web::get(&format!("{}/metrics", shop.admin_url(service))).await.unwrap().text;
    let start = format!("madang_{name}{{producer=\"orders\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
}

async fn reaches(shop: &Shop, name: &str, is_so: impl Fn(f64) -> bool) {
    wait::until(&format!("{name} of inventory"), PATIENCE, async || {
        Ok(gauge(shop, Service::Inventory, name).await.filter(|value| is_so(*value)))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_of_a_consumer_is_seen_while_it_reads_nothing_and_is_gone_when_it_reads_again() {
    let mut shop = Shop::open_on(on_feeds(), &[(Service::Orders, "MADANG_FAULTS", "true")]).await.unwrap();
    let customer = Customer::new(&shop, "rin");
    customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    reaches(&shop, "events_cursor_position", |position| position >= 2.0).await;
    reaches(&shop, "events_lag", |lag| lag == 0.0).await;

    let mut faults = FaultServiceClient::new(shop.channel(Service::Orders));
    let fault = Fault {
        fault_id: "silent".to_owned(),
        method: "/madang.events.v1.EventFeedService/Subscribe".to_owned(),
        percent: 100,
        code: Code::Unavailable.into(),
        ..Fault::default()
    };
    let ttl = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    faults.set_fault(SetFaultRequest { fault: Some(fault), ttl }).await.unwrap();
    // Its subscription from before is open still.
    shop.kill_nine(Service::Inventory).unwrap();
    shop.start(Service::Inventory).await.unwrap();
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    reaches(&shop, "events_lag", |lag| lag == 2.0).await;
    reaches(&shop, "events_lag_age_seconds", |age| age > 1.0).await;

    faults.clear_faults(ClearFaultsRequest {}).await.unwrap();
    reaches(&shop, "events_lag", |lag| lag == 0.0).await;
    reaches(&shop, "events_lag_age_seconds", |age| age == 0.0).await;
    audit::clean(&shop).await.unwrap();
}

/// Places an order as a part of a trace.
async fn traced(customer: &Customer) -> Order {
    let mut request = within(CALL, customer.wants(PLENTY, 1));
    request.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    customer.orders.clone().place_order(request).await.unwrap().into_inner().order.unwrap()
}

/// All events of a producer so far, once there are so many.
async fn events(shop: &Shop, producer: Service, count: usize) -> Vec<Event> {
    let mut feed = EventFeedServiceClient::new(shop.channel(producer));
    let request = SubscribeRequest { consumer: "test".to_owned(), after_position: 0 };
    let mut batches = feed.subscribe(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while events.len() < count {
        events.extend(batches.message().await.unwrap().unwrap().events);
    }
    events
}

/// Waits until a service's log has a line with this message in the order's trace.
async fn line(shop: &Shop, service: Service, message: &str) -> Value {
    wait::until(&format!("{service} to log {message:?} in the trace"), PATIENCE, async || {
        let log = shop.log_lines(service)?;
        Ok(log.into_iter().find(|line| line["message"] == message && line["trace_id"] == TRACE))
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_of_an_order_and_what_consumers_say_of_it_is_in_the_orders_trace() {
    let told = "info,madang_events=debug,madang_chassis=debug,refinery_core=warn";
    let all = Service::ALL.map(|service| (service, "MADANG_LOG_LEVEL", told));
    let shop = Shop::open_with(&all).await.unwrap();
    let customer = Customer::new(&shop, "yul");
    let order = traced(&customer).await;
    customer.told_once_of(&[customer.end_of(&order.order_id).await.unwrap()]).await.unwrap();
    for (producer, count) in [(Service::Orders, 2), (Service::Payments, 1), (Service::Shipping, 1)] {
        for event in events(&shop, producer, count).await {
            assert!(
                event.traceparent.contains(TRACE),
                "{} of {producer}: {:?}",
                event.r#type,
                event.traceparent
            );
        }
    }
    for participant in [Service::Inventory, Service::Payments, Service::Shipping] {
        line(&shop, participant, "a call ended").await;
    }
    for consumer in [Service::Inventory, Service::Payments, Service::Shipping, Service::Notifications] {
        line(&shop, consumer, "an event is taken").await;
    }
}

/// Inventory loses its database, and with it the order's reservation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_dead_letter_is_in_the_orders_trace() {
    let deaf = [(Service::Inventory, "MADANG_ORDERS_URL", NOWHERE)];
    let mut shop = Shop::open_on(on_feeds(), &deaf).await.unwrap();
    let customer = Customer::new(&shop, "moa");
    let order = traced(&customer).await;
    assert_eq!(customer.end_of(&order.order_id).await.unwrap().state(), OrderState::Confirmed);
    shop.kill_nine(Service::Inventory).unwrap();
    shop.forget(Service::Inventory).unwrap();
    shop.set(Service::Inventory, "MADANG_ORDERS_URL", None);
    shop.start(Service::Inventory).await.unwrap();
    let line = line(&shop, Service::Inventory, "a dead letter blocks its key").await;
    assert_eq!((&line["level"], &line["reason"]), (&"ERROR".into(), &"RESERVATION_NOT_FOUND".into()));
}
