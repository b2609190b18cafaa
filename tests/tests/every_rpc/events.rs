//! Calls of what producers and consumers of events serve.

use madang_api::error;
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{
    DeadLetter, DiscardDeadLetterRequest, GetLastPositionRequest, ListCursorsRequest, ListDeadLettersRequest,
    RedriveDeadLetterRequest, SubscribeRequest,
};
use madang_api::inventory::v1::ReserveStockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::types::v1::ProductQuantity;
use madang_tests::Service;
use madang_tests::customer::{CALL, PLENTY};
use madang_tests::wait::{self, PATIENCE};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::World;
use crate::domain::{arrange, authorize};

/// Producers, after the calls that made them publish something.
pub(crate) async fn call_feeds(world: &World) {
    redrive_payment(world).await;
    redrive_shipment(world).await;
    for producer in [Service::Orders, Service::Payments, Service::Shipping] {
        let mut feed = EventFeedServiceClient::new(world.channel(producer));
        let subscribe = SubscribeRequest { consumer: "test".to_owned(), after_position: 0 };
        let mut batches = feed.subscribe(subscribe).await.unwrap().into_inner();
        let first = timeout(CALL, batches.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(first.events[0].position, 1, "{producer}");
        let last = feed.get_last_position(GetLastPositionRequest {}).await.unwrap().into_inner();
        assert!(last.position >= 1, "{producer}: {last:?}");
    }
}

pub(crate) async fn call_consumers(world: &World) {
    for consumer in [Service::Inventory, Service::Payments, Service::Shipping, Service::Notifications] {
        let mut cursors = CursorServiceClient::new(world.channel(consumer));
        let cursors = cursors.list_cursors(ListCursorsRequest {}).await.unwrap().into_inner().cursors;
        assert!(cursors.iter().any(|cursor| cursor.position > 0), "{consumer}: {cursors:?}");
    }
    redrive_reservation(world).await;
    let unreadable = dead_letter(world.channel(Service::Notifications), |_| true).await;
    let refusal = redrive(world.channel(Service::Notifications), unreadable).await.unwrap_err();
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert_eq!(error::reason(&refusal).as_deref(), Some("REDRIVE_FAILED"));
    for consumer in [Service::Inventory, Service::Payments] {
        discard(world.channel(consumer), |letter| is_of(letter, &world.lost_order)).await;
    }
    // Of a payment that was captured for no order.
    discard(world.channel(Service::Shipping), |_| true).await;
    discard(world.channel(Service::Notifications), |_| true).await;
}

async fn discard(channel: Channel, wanted: impl Fn(&DeadLetter) -> bool) {
    let dead_letter_id = dead_letter(channel.clone(), wanted).await.dead_letter_id;
    let request = DiscardDeadLetterRequest { dead_letter_id, reason: "nobody ordered it".to_owned() };
    let answer = DeadLetterServiceClient::new(channel).discard_dead_letter(request).await.unwrap();
    assert_eq!(answer.into_inner().next_dead_letter_id, "", "the key is free");
}

/// The order is confirmed of which inventory knew nothing; once it has a reservation, its pieces can be sold.
async fn redrive_reservation(world: &World) {
    let channel = world.channel(Service::Inventory);
    let letter = dead_letter(channel.clone(), |letter| is_of(letter, &world.unknown_order)).await;
    let lines = vec![ProductQuantity { product_id: PLENTY.to_owned(), quantity: 1 }];
    let reserve = ReserveStockRequest { order_id: world.unknown_order.clone(), lines, expire_time: None };
    InventoryServiceClient::new(channel.clone()).reserve_stock(reserve).await.unwrap();
    assert_eq!(redrive(channel, letter).await.unwrap(), 1);
}

/// The same of payments: once there is a payment, it can be captured.
async fn redrive_payment(world: &World) {
    let channel = world.channel(Service::Payments);
    let letter = dead_letter(channel.clone(), |letter| is_of(letter, &world.unknown_order)).await;
    PaymentsServiceClient::new(channel.clone())
        .authorize_payment(authorize(&world.unknown_order))
        .await
        .unwrap();
    assert_eq!(redrive(channel, letter).await.unwrap(), 1);
}

/// That payment is captured, but shipping has no parcel for it; once there is one, it departs.
async fn redrive_shipment(world: &World) {
    let channel = world.channel(Service::Shipping);
    let letter = dead_letter(channel.clone(), |letter| is_of(letter, &world.unknown_order)).await;
    ShippingServiceClient::new(channel.clone())
        .arrange_shipment(arrange(&world.unknown_order))
        .await
        .unwrap();
    assert_eq!(redrive(channel, letter).await.unwrap(), 1);
}

fn is_of(letter: &DeadLetter, order_id: &str) -> bool {
    letter.event.as_ref().is_some_and(|event| event.key == order_id)
}

/// Waits for a dead letter.
async fn dead_letter(channel: Channel, wanted: impl Fn(&DeadLetter) -> bool) -> DeadLetter {
    let mut client = DeadLetterServiceClient::new(channel);
    let find = async || {
        let list = client.list_dead_letters(ListDeadLettersRequest::default()).await?;
        Ok(list.into_inner().dead_letters.into_iter().find(|letter| wanted(letter)))
    };
    wait::until("a dead letter", PATIENCE, find).await.unwrap()
}

async fn redrive(channel: Channel, letter: DeadLetter) -> Result<i32, Status> {
    let request = RedriveDeadLetterRequest { dead_letter_id: letter.dead_letter_id };
    let answer = DeadLetterServiceClient::new(channel).redrive_dead_letter(request).await?;
    Ok(answer.into_inner().applied)
}
