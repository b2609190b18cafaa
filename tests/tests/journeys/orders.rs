//! Orders in a shop where nothing fails.

use std::collections::BTreeSet;

use futures::future::join_all;
use madang_api::error;
use madang_api::orders::v1::{OrderState, PlaceOrderRequest};
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{GetPaymentRequest, PaymentState};
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{GetShipmentRequest, ShipmentState};
use madang_tests::backends::{Backends, Carrier};
use madang_tests::customer::{CALL, Customer, PLENTY, SCARCE};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit};
use tonic::Code;

use crate::outcome;

const REPEATS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_end_as_they_should_and_customers_are_told_once() {
    let shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "mina");
    let good = customer.complete(customer.wants(PLENTY, 2)).await.unwrap();
    assert_eq!(outcome(&good), (OrderState::Confirmed, ""));
    let paid_by = |card: &str| PlaceOrderRequest { card_token: card.to_owned(), ..customer.wants(PLENTY, 1) };
    let declined = customer.complete(paid_by("tok_declined")).await.unwrap();
    assert_eq!(outcome(&declined), (OrderState::Rejected, "CARD_DECLINED"));
    let poor = customer.complete(paid_by("tok_insufficient_funds")).await.unwrap();
    assert_eq!(outcome(&poor), (OrderState::Rejected, "INSUFFICIENT_FUNDS"));
    let lost = customer.complete(paid_by("tok_lost_answer")).await.unwrap();
    assert_eq!(outcome(&lost), (OrderState::Confirmed, ""));
    let last = customer.complete(customer.wants(SCARCE, 3)).await.unwrap();
    assert_eq!(outcome(&last), (OrderState::Confirmed, ""));
    let late = customer.complete(customer.wants(SCARCE, 1)).await.unwrap();
    assert_eq!(outcome(&late), (OrderState::Rejected, "OUT_OF_STOCK"));

    customer.told_once_of(&[good.clone(), declined, poor, lost, last, late]).await.unwrap();
    assert_eq!(customer.list().await.unwrap().len(), 6);
    sent_and_paid(&shop, &good.order_id).await;
    let refusal = customer.cancel(CALL, &good.order_id).await.unwrap_err();
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert_eq!(error::reason(&refusal).as_deref(), Some("SHIPMENT_DEPARTED"));
    assert_eq!(customer.order(&good.order_id).await.unwrap().state(), OrderState::Confirmed);
    audit::clean(&shop).await.unwrap();
}

async fn sent_and_paid(shop: &Shop, order_id: &str) {
    let order_id = order_id.to_owned();
    let payment = GetPaymentRequest { order_id: order_id.clone() };
    let payment =
        PaymentsServiceClient::new(shop.channel(Service::Payments)).get_payment(payment).await.unwrap();
    assert_eq!(payment.into_inner().payment.unwrap().state(), PaymentState::Captured);
    let shipment = GetShipmentRequest { order_id };
    let shipment =
        ShippingServiceClient::new(shop.channel(Service::Shipping)).get_shipment(shipment).await.unwrap();
    assert_eq!(shipment.into_inner().shipment.unwrap().state(), ShipmentState::Departed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_repeated_gives_one_order() {
    let shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "hana");
    let request = customer.wants(PLENTY, 1);
    let first = customer.complete(request.clone()).await.unwrap();
    let second = customer.place(CALL, request.clone()).await.unwrap();
    assert_eq!((second.state(), second.order_id), (OrderState::Confirmed, first.order_id));
    let other = PlaceOrderRequest { lines: customer.wants(PLENTY, 2).lines, ..request };
    let refusal = customer.place(CALL, other).await.unwrap_err();
    assert_eq!(refusal.code(), Code::AlreadyExists);
    assert_eq!(error::reason(&refusal).as_deref(), Some("REQUEST_ID_REUSED"));
    assert_eq!(customer.list().await.unwrap().len(), 1);

    let busy = Customer::new(&shop, "iris");
    let request = busy.wants(PLENTY, 1);
    let answers = join_all((0..REPEATS).map(|_| busy.complete(request.clone()))).await;
    let ids: BTreeSet<String> = answers.into_iter().map(|order| order.unwrap().order_id).collect();
    assert_eq!(ids.len(), 1, "{REPEATS} repeats at once gave {ids:?}");
    let orders = busy.list().await.unwrap();
    assert_eq!(orders.len(), 1);
    busy.told_once_of(&orders).await.unwrap();
    audit::clean(&shop).await.unwrap();
}

/// Shipping hears nothing of payments, by no carrier, so that the parcel of a confirmed order stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_order_can_be_cancelled_until_its_parcel_departs() {
    let deaf = (Service::Shipping, "MADANG_PAYMENTS_URL", "http://127.0.0.1:9");
    let backends = Backends { carrier: Carrier::Feed, ..Backends::of_this_run().unwrap() };
    let mut shop = Shop::open_on(backends, &[deaf]).await.unwrap();
    let customer = Customer::new(&shop, "emil");
    let order = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    assert_eq!(order.state(), OrderState::Confirmed);
    let cancelled = customer.cancel(CALL, &order.order_id).await.unwrap();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    let again = customer.cancel(CALL, &order.order_id).await.unwrap();
    assert_eq!(again.state(), OrderState::Cancelled);

    shop.kill_nine(Service::Shipping).unwrap();
    shop.set(Service::Shipping, "MADANG_PAYMENTS_URL", None);
    shop.start(Service::Shipping).await.unwrap();
    audit::clean(&shop).await.unwrap();
    let told = customer.told().await.unwrap();
    assert_eq!(told.len(), 2, "one of the confirmation, one of the cancellation: {told:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_tells_the_same_of_an_order() {
    let shop = Shop::open().await.unwrap();
    let customer = Customer::new(&shop, "noa");
    let placed = customer.complete(customer.wants(PLENTY, 1)).await.unwrap();
    let got = customer.order(&placed.order_id).await.unwrap();
    assert_eq!(placed, got, "PlaceOrder and GetOrder of the same order");
    let listed = wait::until("the order to be listed", PATIENCE, async || Ok(customer.list().await?.pop()));
    assert_eq!(listed.await.unwrap(), got, "ListOrders and GetOrder of the same order");
}
