//! Shipping's real server and a payments that only publishes, in memory, on a clock that jumps to whatever is waited for.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use madang_api::error;
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{
    DeadLetter, GetLastPositionRequest, ListCursorsRequest, ListDeadLettersRequest, PaymentCaptured,
    SubscribeRequest,
};
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_api::shipping::v1::{
    ArrangeShipmentRequest, CancelShipmentRequest, GetShipmentRequest, Shipment, TrackShipmentRequest,
    TrackShipmentResponse,
};
use madang_api::types::v1::Address;
use madang_chassis::testing::{SeededIds, TestClock};
use madang_chassis::{Client, Network, NoDeadline, Platform, Server, ServerArgs, Service, TelemetryArgs};
use madang_db::{Db, Kind};
use madang_events::{Event, EventsArgs, NewEvent, Outbox, OutboxConfig};
use madang_shipping::{Config, SERVICE};
use madang_types::Ids;
use prost::{Message, Name};
use tonic::{Code, Request, Status, Streaming};

pub(crate) const TRANSIT_TIME: Duration = Duration::from_secs(30);

/// The services under test, and clients of all that shipping serves.
pub(crate) struct Shop {
    pub(crate) shipping: ShippingServiceClient<Client>,
    pub(crate) dead_letters: DeadLetterServiceClient<Client>,
    pub(crate) platform: Platform,
    feed: EventFeedServiceClient<Client>,
    cursors: CursorServiceClient<Client>,
    payments: Db,
    published: i64,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::with(ServerArgs::default())
    }

    pub(crate) fn with(server: ServerArgs) -> Self {
        let network = Network::new();
        let platform = platform(SERVICE, &network, 1);
        let payments = start_payments(&network);
        let config = Config {
            server,
            telemetry: TelemetryArgs::default(),
            database: madang_db::Config::sqlite(":memory:"),
            events: EventsArgs::default(),
            payments_url: "http://payments".parse().unwrap(),
            transit_time: TRANSIT_TIME,
        };
        let db = Db::inline(&config.database, madang_shipping::migrations(), 1).unwrap();
        let (listener, own) = (network.listen("shipping"), platform.clone());
        platform.tasks.spawn("shipping", async move {
            Box::pin(madang_shipping::serve(db, config, listener, own)).await.unwrap();
        });
        let caller = self::platform(Service { name: "test", version: "0", port: 0 }, &network, 2);
        let client = Client::new("http://shipping".parse().unwrap(), &caller);
        Self {
            shipping: ShippingServiceClient::new(client.clone()),
            dead_letters: DeadLetterServiceClient::new(client.clone()),
            feed: EventFeedServiceClient::new(client.clone()),
            cursors: CursorServiceClient::new(client),
            platform,
            payments,
            published: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.platform.clock.now()
    }

    pub(crate) async fn arrange(&mut self, request: ArrangeShipmentRequest) -> Result<Shipment, Status> {
        let answer = self.shipping.arrange_shipment(request).await?;
        Ok(answer.into_inner().shipment.unwrap())
    }

    pub(crate) async fn cancel(&mut self, order_id: &str) -> Result<Shipment, Status> {
        let answer =
            self.shipping.cancel_shipment(CancelShipmentRequest { order_id: order_id.into() }).await?;
        Ok(answer.into_inner().shipment.unwrap())
    }

    pub(crate) async fn get(&mut self, order_id: &str) -> Result<Shipment, Status> {
        let answer = self.shipping.get_shipment(GetShipmentRequest { order_id: order_id.into() }).await?;
        Ok(answer.into_inner().shipment.unwrap())
    }

    pub(crate) async fn track(&mut self, order_id: &str) -> Result<Streaming<TrackShipmentResponse>, Status> {
        let mut request = Request::new(TrackShipmentRequest { order_id: order_id.into() });
        request.extensions_mut().insert(NoDeadline);
        Ok(self.shipping.track_shipment(request).await?.into_inner())
    }

    /// Payments captures the order's money, and shipping has heard of it.
    pub(crate) async fn capture(&mut self, order_id: &str) {
        self.publish(order_id, &PaymentCaptured { order_id: order_id.into(), amount: None }).await;
    }

    /// Payments publishes an event, and shipping has moved past it.
    pub(crate) async fn publish<M: Message + Name>(&mut self, order_id: &str, payload: &M) {
        let event = NewEvent::new(self.platform.ids.uuid(), order_id, self.now(), payload).caused_by("trace");
        self.payments.write(Kind::Request, move |tx| madang_events::publish(tx, &event)).await.unwrap();
        self.published += 1;
        loop {
            let cursors =
                self.cursors.list_cursors(ListCursorsRequest {}).await.unwrap().into_inner().cursors;
            if cursors.iter().any(|cursor| cursor.position == self.published) {
                return;
            }
            // The clock is paused: this only lets the other tasks go on.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All that shipping has published.
    pub(crate) async fn events(&mut self) -> Vec<Event> {
        let end = self.feed.get_last_position(GetLastPositionRequest {}).await.unwrap().into_inner();
        assert_eq!(end.unstamped, 0, "the relay has stamped while the cursor was waited for");
        if end.position == 0 {
            return Vec::new();
        }
        let request = SubscribeRequest { consumer: "test".into(), after_position: 0 };
        let mut stream = self.feed.subscribe(request).await.unwrap().into_inner();
        let events = stream.message().await.unwrap().unwrap().events;
        events.into_iter().map(|event| event.try_into().unwrap()).collect()
    }

    /// What shipping could not apply.
    pub(crate) async fn letters(&mut self) -> Vec<DeadLetter> {
        let request = ListDeadLettersRequest::default();
        self.dead_letters.list_dead_letters(request).await.unwrap().into_inner().dead_letters
    }
}

/// A payments that serves its feed and nothing else.
fn start_payments(network: &Network) -> Db {
    let platform = platform(Service { name: "payments", version: "0", port: 0 }, network, 3);
    let db =
        Db::inline(&madang_db::Config::sqlite(":memory:"), vec![madang_events::migrations()], 2).unwrap();
    let outbox = Outbox::start(&db, &platform, &OutboxConfig::default());
    let server = Server::new(&platform, &ServerArgs::default()).add_service(outbox.feed());
    let listener = network.listen("payments");
    platform.tasks.spawn("payments", async move { Box::pin(server.serve(listener)).await.unwrap() });
    db
}

fn platform(service: Service, network: &Network, seed: u64) -> Platform {
    let (clock, ids) = (TestClock::following_tokio(), SeededIds::new(seed));
    Platform { connector: network.connector(), ..Platform::new(service, Arc::new(clock), Arc::new(ids)) }
}

pub(crate) fn order(n: u128) -> String {
    SeededIds::new(u64::try_from(n).unwrap() + 100).uuid().to_string()
}

pub(crate) fn address(region: &str) -> Address {
    Address {
        region_code: region.into(),
        postal_code: "04524".into(),
        recipient: "미나".into(),
        address_lines: vec!["서울 중구 세종대로 110".into()],
    }
}

/// A parcel of 1,250 g to Korea.
pub(crate) fn parcel(order_id: &str) -> ArrangeShipmentRequest {
    ArrangeShipmentRequest {
        order_id: order_id.into(),
        address: Some(address("KR")),
        weight_grams: 1_250,
        customer_id: "mina".into(),
    }
}

/// Code and reason: what callers go by.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), error::reason(&status).unwrap_or_default())
}

/// The fields of an INVALID_REQUEST.
pub(crate) fn invalid<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = answer.unwrap_err();
    assert_eq!(
        (status.code(), error::reason(&status).as_deref()),
        (Code::InvalidArgument, Some("INVALID_REQUEST"))
    );
    error::violations(&status).into_iter().map(|violation| violation.field).collect()
}
