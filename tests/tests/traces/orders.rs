//! The spans and edges of orders.

use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, SetFaultRequest};
use madang_api::orders::v1::OrderState;
use madang_tests::backends::Carrier;
use madang_tests::customer::{CALL, Customer, PLENTY, SHORT};
use madang_tests::spans::{Receiver, Span, orphans, resumed, tree, trees};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Backends, Service, Shop};
use tonic::Code;

/// A shop that exports to a receiver.
async fn shop(settings: &[(Service, &str, &str)]) -> (Receiver, Shop) {
    let receiver = Receiver::start().await.unwrap();
    let url = receiver.url();
    let export = Service::ALL.map(|service| (service, "MADANG_OTLP_ENDPOINT", url.as_str()));
    // A stream would be read without its producer, which some are deaf to here.
    let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
    let shop = Shop::open_on(backends, &[&export, settings].concat()).await.unwrap();
    (receiver, shop)
}

/// Waits until the order's spans make this tree; on failure tells what they make.
async fn grows(receiver: &Receiver, order: &str, expected: &str) -> Vec<Span> {
    let grown = wait::until("the tree", PATIENCE, async || {
        let spans = receiver.of_order(order);
        Ok((tree(&spans) == expected).then_some(spans))
    });
    match grown.await {
        Ok(spans) => spans,
        Err(_) => panic!("{}", tree(&receiver.of_order(order))),
    }
}

fn all_name(spans: &[Span], order: &str) {
    let silent: Vec<_> = spans.iter().filter(|span| span.order() != order).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_order_is_one_trace() {
    let (receiver, shop) = shop(&[]).await;
    let customer = Customer::new(&shop, "haru");
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    let spans = grows(&receiver, &order.order_id, trees::CONFIRMED).await;
    all_name(&spans, &order.order_id);
    assert_eq!(orphans(&spans), [] as [&Span; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_order_is_one_trace() {
    let (receiver, shop) = shop(&[]).await;
    let customer = Customer::new(&shop, "dain");
    let mut request = customer.wants(PLENTY, 1);
    request.card_token = "tok_declined".to_owned();
    let order = customer.complete(request).await.unwrap();
    assert_eq!(order.state(), OrderState::Rejected);
    let spans = grows(&receiver, &order.order_id, trees::REJECTED).await;
    all_name(&spans, &order.order_id);
    assert_eq!(orphans(&spans), [] as [&Span; 0]);
}

/// Shipping never hears that the payment is captured, so the parcel waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_order_is_two_traces_one_linked_to_the_other() {
    let (receiver, shop) = shop(&[(Service::Shipping, "MADANG_PAYMENTS_URL", "http://127.0.0.1:9")]).await;
    let customer = Customer::new(&shop, "sol");
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap().order_id;
    let placed = grows(&receiver, &order, trees::CONFIRMED_WAITING).await;
    let cancelled = customer.cancel(CALL, &order).await.unwrap();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    let both = format!("{}\n{}", trees::CANCELLED, trees::CONFIRMED_WAITING);
    let spans = grows(&receiver, &order, &both).await;
    all_name(&spans, &order);
    assert_eq!(orphans(&spans), [] as [&Span; 0]);
    let links: Vec<_> = spans.iter().flat_map(|span| &span.links).collect();
    assert!(!links.is_empty() && links.iter().all(|link| **link == placed[0].trace), "{links:?}");
}

/// Orders dies while shipping refuses; what took the order up again belongs to the gateway's call, which did not die.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_taken_up_again_is_one_trace() {
    let (receiver, mut shop) = shop(&[(Service::Shipping, "MADANG_FAULTS", "true")]).await;
    let mut faults = FaultServiceClient::new(shop.channel(Service::Shipping));
    let fault = Fault {
        fault_id: "refuses".to_owned(),
        method: "/madang.shipping.v1.ShippingService/ArrangeShipment".to_owned(),
        percent: 100,
        code: Code::Unavailable.into(),
        ..Fault::default()
    };
    let ttl = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    faults.set_fault(SetFaultRequest { fault: Some(fault), ttl }).await.unwrap();
    let customer = Customer::new(&shop, "nari");
    let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Pending);
    wait::until("the call that placed the order", PATIENCE, async || {
        let spans = receiver.of_order(&order.order_id);
        Ok(spans.iter().any(|span| span.service == "gateway" && span.parent.is_empty()).then_some(()))
    })
    .await
    .unwrap();
    shop.kill_nine(Service::Orders).unwrap();
    faults.clear_faults(ClearFaultsRequest {}).await.unwrap();
    shop.start(Service::Orders).await.unwrap();
    assert_eq!(customer.end_of(&order.order_id).await.unwrap().state(), OrderState::Confirmed);

    // The calls that ask for the order's end are in its trace too, and their spans come last.
    let spans = wait::until("the saga's tree, and no orphan", PATIENCE, async || {
        let spans = receiver.of_order(&order.order_id);
        let whole = tree(&resumed(&spans)) == trees::RESUMED && orphans_since_resumed(&spans).is_empty();
        Ok(whole.then_some(spans))
    });
    let Ok(spans) = spans.await else {
        let spans = receiver.of_order(&order.order_id);
        let orphans = orphans_since_resumed(&spans);
        panic!("{}\n\nof\n{}\n\norphans: {orphans:#?}", tree(&resumed(&spans)), tree(&spans));
    };
    let parent = spans.iter().find(|span| span.id == resumed(&spans)[0].parent).unwrap();
    assert_eq!((parent.service.as_str(), parent.is_error), ("gateway", false));
    all_name(&spans, &order.order_id);
}

/// Spans that had not ended, and those of the last half second, died with their process: its children are left,
/// and only what started later must have a parent.
fn orphans_since_resumed(spans: &[Span]) -> Vec<&Span> {
    let Some(resumed) = resumed(spans).into_iter().next() else { return Vec::new() };
    orphans(spans).into_iter().filter(|span| span.start >= resumed.start).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_forges_harms_nothing_and_is_said_once() {
    let (receiver, shop) = shop(&[]).await;
    let customer = Customer::new(&shop, "bada");
    let forged = [
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-01".to_owned()),
        ("traceparent", "zz".to_owned()),
        ("baggage", "madang.order.id=01890a5d-ac96-774b-bcce-b302099a8057".to_owned()),
        ("baggage", "x".repeat(9000)),
        ("tracestate", ",,=,".to_owned()),
    ];
    for (name, value) in forged {
        let mut request = madang_api::within(CALL, customer.wants(PLENTY, 1));
        request.metadata_mut().insert(name, value.parse().unwrap());
        let order = customer.orders.clone().place_order(request).await.unwrap().into_inner().order.unwrap();
        assert_eq!(order.state(), OrderState::Confirmed);
        let spans = grows(&receiver, &order.order_id, trees::CONFIRMED).await;
        all_name(&spans, &order.order_id);
    }
    let log = shop.log_lines(Service::Gateway).unwrap();
    let said =
        log.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.contains("traceparent")));
    assert_eq!(said.count(), 1);
}
