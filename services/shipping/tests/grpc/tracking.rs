//! Following a parcel, and the process around it.

use std::num::NonZeroU16;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_api::convert::moment;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{GetShipmentRequest, TrackShipmentResponse, TrackingStepKind as Kind};
use madang_chassis::{Client, Connector, Listener, Platform, ServerArgs, TelemetryArgs};
use madang_db::testing::Fresh;
use madang_events::EventsArgs;
use madang_shipping::{Config, SERVICE};
use tonic::{Code, Status, Streaming};

use crate::shop::{Shop, TRANSIT_TIME, order, parcel, refusal};

type Steps = Streaming<TrackShipmentResponse>;

/// The next step of a followed parcel; none after the last.
async fn next(steps: &mut Steps) -> Result<Option<(Kind, Timestamp)>, Status> {
    let step = |answer: TrackShipmentResponse| {
        let step = answer.step.unwrap();
        (step.kind(), moment(step.time.unwrap()).unwrap())
    };
    Ok(steps.message().await?.map(step))
}

async fn kind(steps: &mut Steps) -> Option<Kind> {
    next(steps).await.unwrap().map(|(kind, _)| kind)
}

#[tokio::test(start_paused = true)]
async fn each_step_is_told_when_it_happens() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    let mut steps = shop.track(&order).await.unwrap();
    assert_eq!(kind(&mut steps).await, Some(Kind::Arranged));
    shop.capture(&order).await;
    let (departed, left) = next(&mut steps).await.unwrap().unwrap();
    assert_eq!(departed, Kind::Departed);
    assert!(shop.now().duration_since(left) < SignedDuration::from_millis(200), "it is told at once");
    let third = SignedDuration::try_from(TRANSIT_TIME).unwrap() / 3;
    for (thirds, expected) in [(1, Kind::InTransit), (2, Kind::OutForDelivery), (3, Kind::Delivered)] {
        let (kind, at) = next(&mut steps).await.unwrap().unwrap();
        assert_eq!((kind, at), (expected, left + third * thirds));
        let late = shop.now().duration_since(at);
        assert!(
            (SignedDuration::ZERO..SignedDuration::from_millis(100)).contains(&late),
            "{kind:?}: {late:?}"
        );
    }
    assert_eq!(kind(&mut steps).await, None, "it ends after the last");
    let so_far = shop.get(&order).await.unwrap().steps;
    assert_eq!(so_far.len(), 5);
    let mut again = shop.track(&order).await.unwrap();
    for step in so_far {
        assert_eq!(kind(&mut again).await, Some(step.kind()));
    }
    assert_eq!(kind(&mut again).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_read_tells_only_the_steps_so_far() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    shop.capture(&order).await;
    assert_eq!(shop.get(&order).await.unwrap().steps.len(), 2);
    tokio::time::advance(TRANSIT_TIME / 2).await;
    assert_eq!(shop.get(&order).await.unwrap().steps.len(), 3);
    tokio::time::advance(TRANSIT_TIME / 2).await;
    assert_eq!(shop.get(&order).await.unwrap().steps.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_follower_of_a_cancelled_parcel_is_told_and_let_go() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    let mut steps = shop.track(&order).await.unwrap();
    assert_eq!(kind(&mut steps).await, Some(Kind::Arranged));
    shop.cancel(&order).await.unwrap();
    assert_eq!(kind(&mut steps).await, Some(Kind::Cancelled));
    assert_eq!(kind(&mut steps).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_follower_is_sent_elsewhere_when_the_server_ends() {
    let (mut shop, order) = (Shop::open(), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    let mut steps = shop.track(&order).await.unwrap();
    assert_eq!(kind(&mut steps).await, Some(Kind::Arranged));
    shop.platform.shutdown.begin();
    assert_eq!(refusal(next(&mut steps).await), (Code::Unavailable, "SHUTTING_DOWN".to_owned()));
    assert!(shop.platform.tasks.wait(Duration::from_secs(20)).await, "nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_leaves_its_place() {
    let server = ServerArgs { max_streams: NonZeroU16::new(2).unwrap(), ..ServerArgs::default() };
    let (mut shop, order) = (Shop::with(server), order(1));
    shop.arrange(parcel(&order)).await.unwrap();
    let first = shop.track(&order).await.unwrap();
    let _second = shop.track(&order).await.unwrap();
    assert_eq!(refusal(shop.track(&order).await), (Code::ResourceExhausted, "OVERLOADED".to_owned()));
    drop(first);
    while shop.track(&order).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The service as its process runs it, on a port that the system chose and a database that stays.
async fn start(fresh: &Fresh) -> (Platform, ShippingServiceClient<Client>) {
    let platform = Platform::system(SERVICE);
    let config = Config {
        server: ServerArgs::default(),
        telemetry: TelemetryArgs::default(),
        database: fresh.config(),
        events: EventsArgs::default(),
        payments_url: "http://127.0.0.1:1".parse().unwrap(),
        transit_time: TRANSIT_TIME,
    };
    let listener = Listener::bind(config.server.listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    let own = platform.clone();
    platform.tasks.spawn("shipping", async move {
        Box::pin(madang_shipping::run(config, listener, own)).await.unwrap();
    });
    let caller = Platform { connector: Connector::tcp(), ..Platform::system(SERVICE) };
    let client = Client::new(format!("http://{address}").parse().unwrap(), &caller);
    (platform, ShippingServiceClient::new(client))
}

#[tokio::test]
async fn a_parcel_survives_the_process() {
    let (fresh, order) = (Fresh::new(), order(1));
    let (first, mut shipping) = start(&fresh).await;
    let arranged = shipping.arrange_shipment(parcel(&order)).await.unwrap().into_inner().shipment;
    first.shutdown.begin();
    assert!(first.tasks.wait(Duration::from_secs(20)).await);
    let (_second, mut shipping) = start(&fresh).await;
    let request = GetShipmentRequest { order_id: order.clone() };
    assert_eq!(shipping.get_shipment(request).await.unwrap().into_inner().shipment, arranged);
}
