//! Every RPC through the real server: its success, each of its error reasons, and what a bad request leaves behind.
#![cfg(test)]

#[path = "grpc/events.rs"]
mod events;
#[path = "grpc/shop.rs"]
mod shop;
#[path = "grpc/tracking.rs"]
mod tracking;

use madang_api::convert::timestamp;
use madang_api::shipping::v1::{
    ArrangeShipmentRequest, QuoteShippingRequest, QuoteShippingResponse, ShipmentState, TrackingStepKind,
};
use madang_api::types::v1::{Address, Money};
use shop::{Shop, address, invalid, order, parcel, refusal};
use tonic::{Code, Status};

const BAD_IDS: [&str; 4] =
    ["", "1", "0198c0de000070008000000000000001", "0198c0de-0000-7000-8000-00000000000g"];

async fn quote(shop: &mut Shop, region: &str, weight_grams: i64) -> Result<QuoteShippingResponse, Status> {
    let request = QuoteShippingRequest { region_code: region.into(), weight_grams };
    shop.shipping.quote_shipping(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(start_paused = true)]
async fn a_quote_is_by_zone_and_weight() {
    let mut shop = Shop::open();
    for (region, zone, cents) in [("KR", "domestic", 4_00), ("JP", "asia", 17_00), ("US", "world", 28_50)] {
        let price = Some(Money { minor_units: cents, currency_code: "USD".into() });
        let expected = QuoteShippingResponse { price, zone: zone.into() };
        assert_eq!(quote(&mut shop, region, 1_250).await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_parcel_too_far_or_too_heavy_has_no_price() {
    let mut shop = Shop::open();
    let too_far = (Code::FailedPrecondition, "REGION_NOT_SERVED".to_owned());
    assert_eq!(refusal(quote(&mut shop, "AQ", 1).await), too_far);
    for weight in [30_001, 1_000_000] {
        let too_heavy = (Code::FailedPrecondition, "PARCEL_TOO_HEAVY".to_owned());
        assert_eq!(refusal(quote(&mut shop, "KR", weight).await), too_heavy);
    }
    quote(&mut shop, "KR", 30_000).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_quote_names_all_that_is_wrong() {
    let mut shop = Shop::open();
    for weight in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
        assert_eq!(invalid(quote(&mut shop, "kr", weight).await), ["region_code", "weight_grams"]);
    }
    assert_eq!(invalid(quote(&mut shop, "", 1).await), ["region_code"]);
}

#[tokio::test(start_paused = true)]
async fn a_booked_parcel_waits_for_its_payment() {
    let (mut shop, order) = (Shop::open(), order(1));
    let before = shop.now();
    let shipment = shop.arrange(parcel(&order)).await.unwrap();
    assert_eq!((&shipment.order_id, shipment.state()), (&order, ShipmentState::Arranged));
    assert_eq!((shipment.address.clone(), shipment.weight_grams), (Some(address("KR")), 1_250));
    assert!(shipment.tracking_number.starts_with("MD") && shipment.tracking_number.len() == 14);
    assert_eq!(shipment.steps.len(), 1);
    assert_eq!(shipment.steps[0].kind(), TrackingStepKind::Arranged);
    assert!(shipment.steps[0].time.unwrap().seconds >= timestamp(before).seconds);
    assert_eq!(shop.get(&order).await.unwrap(), shipment);
    assert_eq!(shop.arrange(parcel(&order)).await.unwrap(), shipment, "a repeat answers the same parcel");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_with_another_address_or_weight_is_refused() {
    let (mut shop, order) = (Shop::open(), order(1));
    let shipment = shop.arrange(parcel(&order)).await.unwrap();
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    let elsewhere = ArrangeShipmentRequest { address: Some(address("JP")), ..parcel(&order) };
    assert_eq!(refusal(shop.arrange(elsewhere).await), reused);
    let heavier = ArrangeShipmentRequest { weight_grams: 1_251, ..parcel(&order) };
    assert_eq!(refusal(shop.arrange(heavier).await), reused);
    assert_eq!(shop.get(&order).await.unwrap(), shipment);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_repeated_and_told_as_cancelled() {
    let mut shop = Shop::open();
    let far = ArrangeShipmentRequest { address: Some(address("AQ")), ..parcel(&order(1)) };
    let heavy = ArrangeShipmentRequest { weight_grams: 30_001, ..parcel(&order(2)) };
    for (request, reason) in [(far, "REGION_NOT_SERVED"), (heavy, "PARCEL_TOO_HEAVY")] {
        let refused = (Code::FailedPrecondition, reason.to_owned());
        assert_eq!(refusal(shop.arrange(request.clone()).await), refused);
        let undone = shop.cancel(&request.order_id).await.unwrap();
        assert_eq!((undone.state(), undone.tracking_number.as_str()), (ShipmentState::Cancelled, ""));
        assert_eq!(refusal(shop.arrange(request.clone()).await), refused, "also after the undo");
        assert_eq!(shop.get(&request.order_id).await.unwrap(), undone);
        let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
        assert_eq!(refusal(shop.arrange(parcel(&request.order_id)).await), reused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_booking_names_all_that_is_wrong_and_leaves_nothing() {
    let (mut shop, order) = (Shop::open(), order(1));
    let all = ArrangeShipmentRequest {
        order_id: "x".into(),
        address: Some(Address { postal_code: "1".repeat(17), ..Address::default() }),
        weight_grams: 0,
        customer_id: "a b".into(),
    };
    let fields = [
        "order_id",
        "address.region_code",
        "address.postal_code",
        "address.recipient",
        "address.address_lines",
        "weight_grams",
        "customer_id",
    ];
    assert_eq!(invalid(shop.arrange(all).await), fields);
    let empty = ArrangeShipmentRequest::default();
    assert_eq!(invalid(shop.arrange(empty).await), ["order_id", "address", "weight_grams", "customer_id"]);
    for weight_grams in [0, -1, 1_000_001, i64::MAX, i64::MIN] {
        let bad = ArrangeShipmentRequest { weight_grams, ..parcel(&order) };
        assert_eq!(invalid(shop.arrange(bad).await), ["weight_grams"]);
    }
    let nobody = ArrangeShipmentRequest { customer_id: String::new(), ..parcel(&order) };
    assert_eq!(invalid(shop.arrange(nobody).await), ["customer_id"]);
    assert_eq!(refusal(shop.get(&order).await), (Code::NotFound, "SHIPMENT_NOT_FOUND".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_parcel_stays_cancelled() {
    let (mut shop, order) = (Shop::open(), order(1));
    let arranged = shop.arrange(parcel(&order)).await.unwrap();
    let cancelled = shop.cancel(&order).await.unwrap();
    assert_eq!(cancelled.state(), ShipmentState::Cancelled);
    assert_eq!(
        (&cancelled.tracking_number, &cancelled.address),
        (&arranged.tracking_number, &arranged.address)
    );
    let kinds: Vec<_> = cancelled.steps.iter().map(|step| step.kind()).collect();
    assert_eq!(kinds, [TrackingStepKind::Arranged, TrackingStepKind::Cancelled]);
    assert_eq!(shop.cancel(&order).await.unwrap(), cancelled);
    assert_eq!(shop.get(&order).await.unwrap(), cancelled);
    let undone = (Code::FailedPrecondition, "STEP_UNDONE".to_owned());
    assert_eq!(refusal(shop.arrange(parcel(&order)).await), undone);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_comes_first_leaves_a_tombstone() {
    let (mut shop, order) = (Shop::open(), order(1));
    let tombstone = shop.cancel(&order).await.unwrap();
    assert_eq!(tombstone.state(), ShipmentState::Cancelled);
    assert_eq!(
        (tombstone.tracking_number.as_str(), tombstone.address.clone(), tombstone.weight_grams),
        ("", None, 0)
    );
    let undone = (Code::FailedPrecondition, "STEP_UNDONE".to_owned());
    assert_eq!(refusal(shop.arrange(parcel(&order)).await), undone);
    assert_eq!(shop.cancel(&order).await.unwrap(), tombstone);
    assert_eq!(shop.get(&order).await.unwrap(), tombstone);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_named_by_a_uuid() {
    let mut shop = Shop::open();
    for bad in BAD_IDS {
        assert_eq!(invalid(shop.arrange(parcel(bad)).await), ["order_id"]);
        assert_eq!(invalid(shop.cancel(bad).await), ["order_id"]);
        assert_eq!(invalid(shop.get(bad).await), ["order_id"]);
        assert_eq!(invalid(shop.track(bad).await), ["order_id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_shipment_is_not_found() {
    let (mut shop, order) = (Shop::open(), order(1));
    let missing = (Code::NotFound, "SHIPMENT_NOT_FOUND".to_owned());
    assert_eq!(refusal(shop.get(&order).await), missing);
    assert_eq!(refusal(shop.track(&order).await), missing);
}
