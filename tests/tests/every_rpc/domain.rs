//! Calls of the services that orders need.

use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::catalog::v1::{
    BatchGetProductsRequest, GetProductRequest, ListProductsRequest, SearchProductsRequest,
    UpsertProductRequest,
};
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, ListFaultsRequest, SetFaultRequest};
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::inventory::v1::{
    BatchGetStockRequest, GetStockRequest, ReleaseStockRequest, ReservationState, ReserveStockRequest,
    RestockRequest,
};
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{
    AuditLedgerRequest, AuthorizePaymentRequest, CapturePaymentRequest, GetPaymentRequest, PaymentState,
    RefundPaymentRequest, VoidPaymentRequest,
};
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{
    ArrangeShipmentRequest, CancelShipmentRequest, GetShipmentRequest, QuoteShippingRequest, ShipmentState,
    TrackShipmentRequest, TrackingStepKind,
};
use madang_api::types::v1::{Money, ProductQuantity};
use madang_tests::customer::{PLENTY, address};
use madang_tests::{Service, ids};

use crate::World;

pub(crate) fn usd(minor_units: i64) -> Money {
    Money { minor_units, currency_code: "USD".to_owned() }
}

pub(crate) async fn call_catalog(world: &World) {
    let mut catalog = CatalogServiceClient::new(world.channel(Service::Catalog));
    let product_id = PLENTY.to_owned();
    let got = catalog.get_product(GetProductRequest { product_id: product_id.clone() }).await.unwrap();
    let product = got.into_inner().product.unwrap();
    let batch = BatchGetProductsRequest { product_ids: vec![product_id] };
    let batch = catalog.batch_get_products(batch).await.unwrap().into_inner().products;
    assert_eq!(batch.as_slice(), std::slice::from_ref(&product));
    let list = ListProductsRequest { page_size: 3, page_token: String::new() };
    assert_eq!(catalog.list_products(list).await.unwrap().into_inner().products.len(), 3);
    let search = SearchProductsRequest { query: "호미".to_owned(), ..SearchProductsRequest::default() };
    let found = catalog.search_products(search).await.unwrap().into_inner().products;
    assert!(found.contains(&product), "{found:#?}");
    let upsert = UpsertProductRequest { request_id: ids::uuid(), product: Some(product.clone()) };
    let written = catalog.upsert_product(upsert).await.unwrap().into_inner().product.unwrap();
    assert_eq!(written.name, product.name);
}

pub(crate) async fn call_inventory(world: &World) {
    let mut inventory = InventoryServiceClient::new(world.channel(Service::Inventory));
    let product_id = PLENTY.to_owned();
    let stock = inventory.get_stock(GetStockRequest { product_id: product_id.clone() }).await.unwrap();
    let before = stock.into_inner().stock.unwrap();
    let batch = BatchGetStockRequest { product_ids: vec![product_id.clone()] };
    assert_eq!(inventory.batch_get_stock(batch).await.unwrap().into_inner().stocks.first(), Some(&before));
    let restock = RestockRequest { request_id: ids::uuid(), product_id: product_id.clone(), quantity: 5 };
    let after = inventory.restock(restock).await.unwrap().into_inner().stock.unwrap();
    assert_eq!(after.available, before.available + 5);
    let order_id = ids::uuid();
    let lines = vec![ProductQuantity { product_id, quantity: 2 }];
    let reserve = ReserveStockRequest { order_id: order_id.clone(), lines, expire_time: None };
    let reserved = inventory.reserve_stock(reserve).await.unwrap().into_inner().reservation.unwrap();
    assert_eq!(reserved.state(), ReservationState::Reserved);
    let released = inventory.release_stock(ReleaseStockRequest { order_id }).await.unwrap();
    assert_eq!(released.into_inner().reservation.unwrap().state(), ReservationState::Released);
}

pub(crate) fn authorize(order_id: &str) -> AuthorizePaymentRequest {
    AuthorizePaymentRequest {
        order_id: order_id.to_owned(),
        amount: Some(usd(500)),
        card_token: "tok_visa".to_owned(),
        customer_id: "payer".to_owned(),
    }
}

pub(crate) async fn call_payments(world: &World) {
    let mut payments = PaymentsServiceClient::new(world.channel(Service::Payments));
    let (kept, let_go) = (ids::uuid(), ids::uuid());
    for order in [&kept, &let_go] {
        let payment =
            payments.authorize_payment(authorize(order)).await.unwrap().into_inner().payment.unwrap();
        assert_eq!(payment.state(), PaymentState::Authorized);
    }
    let voided = payments.void_payment(VoidPaymentRequest { order_id: let_go }).await.unwrap();
    assert_eq!(voided.into_inner().payment.unwrap().state(), PaymentState::Voided);
    let captured = payments.capture_payment(CapturePaymentRequest { order_id: kept.clone() }).await.unwrap();
    assert_eq!(captured.into_inner().payment.unwrap().state(), PaymentState::Captured);
    let refund =
        RefundPaymentRequest { request_id: ids::uuid(), order_id: kept.clone(), amount: Some(usd(200)) };
    let refunded = payments.refund_payment(refund).await.unwrap().into_inner().payment.unwrap();
    let got = payments
        .get_payment(GetPaymentRequest { order_id: kept })
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!((got.refunded.clone(), &got), (Some(usd(200)), &refunded));
    let ledger = payments.audit_ledger(AuditLedgerRequest::default()).await.unwrap().into_inner();
    let sum: i64 = ledger.balances.iter().filter_map(|it| it.balance.as_ref()).map(|it| it.minor_units).sum();
    assert_eq!((sum, ledger.inconsistent_order_ids.len()), (0, 0));
}

pub(crate) fn arrange(order_id: &str) -> ArrangeShipmentRequest {
    ArrangeShipmentRequest {
        order_id: order_id.to_owned(),
        address: Some(address()),
        weight_grams: 900,
        customer_id: "payer".to_owned(),
    }
}

pub(crate) async fn call_shipping(world: &World) {
    let mut shipping = ShippingServiceClient::new(world.channel(Service::Shipping));
    let quote = QuoteShippingRequest { region_code: "KR".to_owned(), weight_grams: 900 };
    assert_eq!(shipping.quote_shipping(quote).await.unwrap().into_inner().zone, "domestic");
    let order_id = ids::uuid();
    let arranged =
        shipping.arrange_shipment(arrange(&order_id)).await.unwrap().into_inner().shipment.unwrap();
    assert_eq!(arranged.state(), ShipmentState::Arranged);
    let cancel = CancelShipmentRequest { order_id: order_id.clone() };
    let cancelled = shipping.cancel_shipment(cancel).await.unwrap().into_inner().shipment;
    let got = shipping.get_shipment(GetShipmentRequest { order_id: order_id.clone() }).await.unwrap();
    assert_eq!(got.into_inner().shipment, cancelled);
    let mut steps = shipping.track_shipment(TrackShipmentRequest { order_id }).await.unwrap().into_inner();
    let mut kinds = Vec::new();
    while let Some(answer) = steps.message().await.unwrap() {
        kinds.push(answer.step.unwrap().kind());
    }
    assert_eq!(kinds, [TrackingStepKind::Arranged, TrackingStepKind::Cancelled]);
}

/// A fault of an RPC that nobody calls: it harms nothing.
pub(crate) async fn call_faults(world: &World) {
    let mut faults = FaultServiceClient::new(world.channel(Service::Shipping));
    let fault = Fault {
        fault_id: "test".to_owned(),
        method: "/madang.events.v1.DeadLetterService/RedriveDeadLetter".to_owned(),
        percent: 1,
        delay: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
        ..Fault::default()
    };
    let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let set = faults.set_fault(SetFaultRequest { fault: Some(fault), ttl }).await.unwrap().into_inner().fault;
    let listed = faults.list_faults(ListFaultsRequest {}).await.unwrap().into_inner().faults;
    assert_eq!(listed, [set.unwrap()]);
    assert_eq!(faults.clear_faults(ClearFaultsRequest {}).await.unwrap().into_inner().cleared, 1);
}
