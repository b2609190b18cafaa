//! Races that a participant, a mesh or the retention wins.

use madang_api::error;
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, SetFaultRequest};
use madang_api::inventory::v1::ReserveStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::payments::v1::AuthorizePaymentRequest;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::shipping::v1::ArrangeShipmentRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::types::v1::ProductQuantity;
use madang_api::within;
use madang_tests::customer::{CALL, Customer, PLENTY, SHORT, address};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Settings, Shop, audit, servers};
use tonic::{Code, Status};

const RESERVE: &str = "/madang.inventory.v1.InventoryService/ReserveStock";
const AUTHORIZE: &str = "/madang.payments.v1.PaymentsService/AuthorizePayment";
const VOID: &str = "/madang.payments.v1.PaymentsService/VoidPayment";
const ARRANGE: &str = "/madang.shipping.v1.ShippingService/ArrangeShipment";

/// Participants that can be harmed.
const FRAIL: &Settings<'static> = &[
    (Service::Inventory, "MADANG_FAULTS", "true"),
    (Service::Payments, "MADANG_FAULTS", "true"),
    (Service::Shipping, "MADANG_FAULTS", "true"),
];

/// Has every call of an RPC end in a code without a reason of ours, as a sidecar answers in the service's place.
async fn refuse(shop: &Shop, service: Service, method: &str, code: Code) {
    let (fault_id, method) = ("mesh".to_owned(), method.to_owned());
    let fault = Fault { fault_id, method, percent: 100, code: code.into(), ..Fault::default() };
    let ttl = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    let request = within(CALL, SetFaultRequest { fault: Some(fault), ttl });
    FaultServiceClient::new(shop.channel(service)).set_fault(request).await.unwrap();
}

async fn relent(shop: &Shop, service: Service) {
    let request = within(CALL, ClearFaultsRequest {});
    FaultServiceClient::new(shop.channel(service)).clear_faults(request).await.unwrap();
}

/// Waits until an RPC was refused more often than that; gives how often.
async fn refused_beyond(shop: &Shop, (service, method): (Service, &str), code: &str, times: u64) -> u64 {
    let key = (method.to_owned(), code.to_owned());
    let asked = async || {
        let calls = servers::calls(&shop.admin_url(service)).await?;
        Ok(calls.get(&key).copied().filter(|calls| *calls > times))
    };
    wait::until(&format!("{method} to be refused more than {times} times"), PATIENCE, asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_only_the_mesh_made_is_asked_again_until_it_passes() {
    let shop = Shop::open_with(FRAIL).await.unwrap();
    let customer = Customer::new(&shop, "mesh");
    let mut orders = Vec::new();
    for (service, method, code, name) in [
        (Service::Inventory, RESERVE, Code::PermissionDenied, "PERMISSION_DENIED"),
        (Service::Payments, AUTHORIZE, Code::Unimplemented, "UNIMPLEMENTED"),
        (Service::Shipping, ARRANGE, Code::FailedPrecondition, "FAILED_PRECONDITION"),
    ] {
        refuse(&shop, service, method, code).await;
        let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
        refused_beyond(&shop, (service, method), name, 2).await;
        assert_eq!(customer.order(&order.order_id).await.unwrap().state(), OrderState::Pending, "{name}");
        relent(&shop, service).await;
        orders.push(customer.end_of(&order.order_id).await.unwrap());
    }
    assert!(orders.iter().all(|order| order.state() == OrderState::Confirmed), "{orders:?}");

    // An undo that the mesh refuses is no undo that was refused: the order is not STUCK.
    refuse(&shop, Service::Shipping, ARRANGE, Code::Unavailable).await;
    refuse(&shop, Service::Payments, VOID, Code::PermissionDenied).await;
    let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
    refused_beyond(&shop, (Service::Shipping, ARRANGE), "UNAVAILABLE", 0).await;
    let order = customer.cancel(SHORT, &order.order_id).await.unwrap();
    refused_beyond(&shop, (Service::Payments, VOID), "PERMISSION_DENIED", 2).await;
    assert_eq!(customer.order(&order.order_id).await.unwrap().state(), OrderState::Cancelling);
    relent(&shop, Service::Payments).await;
    relent(&shop, Service::Shipping).await;
    orders.push(customer.end_of(&order.order_id).await.unwrap());
    assert_eq!(orders.last().map(Order::state), Some(OrderState::Cancelled));
    audit::clean(&shop).await.unwrap();
    customer.told_once_of(&orders).await.unwrap();
}

/// Messages that stood still somewhere arrive when their order is undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_arrive_after_their_undo_are_refused_by_every_participant() {
    let mut shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "late");
    shop.kill_nine(Service::Payments).unwrap();
    let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Pending);
    // A process that did not see which steps were sent undoes them all.
    shop.kill_nine(Service::Orders).unwrap();
    shop.start(Service::Orders).await.unwrap();
    let cancelling = customer.cancel(SHORT, &order.order_id).await.unwrap();
    assert_eq!(cancelling.state(), OrderState::Cancelling);
    shop.start(Service::Payments).await.unwrap();
    let order = customer.end_of(&order.order_id).await.unwrap();
    assert_eq!(order.state(), OrderState::Cancelled);

    for late in [reserve(&shop, &order).await, authorize(&shop, &order).await, arrange(&shop, &order).await] {
        let refusal = late.unwrap_err();
        assert_eq!(refusal.code(), Code::FailedPrecondition, "{refusal:?}");
        assert_eq!(error::reason(&refusal).as_deref(), Some("STEP_UNDONE"));
    }
    audit::clean(&shop).await.unwrap();
    customer.told_once_of(&[order]).await.unwrap();
}

async fn reserve(shop: &Shop, order: &Order) -> Result<(), Status> {
    let lines = vec![ProductQuantity { product_id: PLENTY.to_owned(), quantity: 1 }];
    let request = ReserveStockRequest { order_id: order.order_id.clone(), lines, expire_time: None };
    InventoryServiceClient::new(shop.channel(Service::Inventory))
        .reserve_stock(within(CALL, request))
        .await
        .map(drop)
}

async fn authorize(shop: &Shop, order: &Order) -> Result<(), Status> {
    let request = AuthorizePaymentRequest {
        order_id: order.order_id.clone(),
        amount: order.total.clone(),
        card_token: "tok_visa".to_owned(),
        customer_id: order.customer_id.clone(),
    };
    PaymentsServiceClient::new(shop.channel(Service::Payments))
        .authorize_payment(within(CALL, request))
        .await
        .map(drop)
}

async fn arrange(shop: &Shop, order: &Order) -> Result<(), Status> {
    let request = ArrangeShipmentRequest {
        order_id: order.order_id.clone(),
        address: Some(address()),
        weight_grams: 900,
        customer_id: order.customer_id.clone(),
    };
    ShippingServiceClient::new(shop.channel(Service::Shipping))
        .arrange_shipment(within(CALL, request))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_ends_right_although_its_request_and_its_first_event_are_forgotten() {
    let settings = [&[(Service::Orders, "MADANG_RETENTION", "1s")], FRAIL].concat();
    let mut shop = Shop::open_with(&settings).await.unwrap();
    let customer = Customer::new(&shop, "slow");
    refuse(&shop, Service::Payments, AUTHORIZE, Code::Unavailable).await;
    let order = customer.place(SHORT, customer.wants(PLENTY, 1)).await.unwrap();
    for table in ["events_requests", "events_outbox"] {
        let pruned = async || Ok((shop.count(Service::Orders, table)? == 0).then_some(()));
        wait::until(&format!("{table} to be pruned"), PATIENCE, pruned).await.unwrap();
    }
    assert_eq!(customer.order(&order.order_id).await.unwrap().state(), OrderState::Pending);
    // Its driver, too, begins anew.
    shop.kill_nine(Service::Orders).unwrap();
    shop.start(Service::Orders).await.unwrap();
    relent(&shop, Service::Payments).await;
    let order = customer.end_of(&order.order_id).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    audit::clean(&shop).await.unwrap();
    customer.told_once_of(&[order]).await.unwrap();
}
