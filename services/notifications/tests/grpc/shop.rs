//! The real server of notifications and three producers that only publish, in memory, on a clock that jumps to whatever is
//! waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use madang_api::error;
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::{DeadLetter, ListCursorsRequest, ListDeadLettersRequest, OrderConfirmed};
use madang_api::notifications::v1::notifications_service_client::NotificationsServiceClient;
use madang_api::notifications::v1::{
    ListNotificationsRequest, ListNotificationsResponse, Notification, WatchNotificationsRequest,
    WatchNotificationsResponse,
};
use madang_api::types::v1::Money;
use madang_chassis::testing::{SeededIds, TestClock};
use madang_chassis::{Client, Network, NoDeadline, Platform, Server, ServerArgs, Service, TelemetryArgs};
use madang_db::{Db, Kind};
use madang_events::{EventsArgs, NewEvent, Outbox, OutboxConfig};
use madang_notifications::{Config, SERVICE};
use madang_types::Ids;
use prost::{Message, Name};
use tonic::{Code, Request, Status, Streaming};
use uuid::Uuid;

/// A producer's log, and how many events stand in it.
type Producer = (Db, i64);

/// The services under test, and clients of all that notifications serves.
pub(crate) struct Shop {
    pub(crate) notifications: NotificationsServiceClient<Client>,
    pub(crate) platform: Platform,
    dead_letters: DeadLetterServiceClient<Client>,
    cursors: CursorServiceClient<Client>,
    producers: BTreeMap<&'static str, Producer>,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::with(ServerArgs::default())
    }

    pub(crate) fn with(server: ServerArgs) -> Self {
        let network = Network::new();
        let platform = platform(SERVICE, &network, 1);
        let producers =
            ["orders", "payments", "shipping"].map(|name| (name, (start_producer(name, &network), 0)));
        let database = madang_db::Config::sqlite(":memory:");
        let db = Db::inline(&database, madang_notifications::migrations(), 1).unwrap();
        let config = config(server, database);
        let (listener, own) = (network.listen("notifications"), platform.clone());
        platform.tasks.spawn("notifications", async move {
            Box::pin(madang_notifications::serve(db, config, listener, own)).await.unwrap();
        });
        let caller = self::platform(Service { name: "test", version: "0", port: 0 }, &network, 2);
        let client = Client::new("http://notifications".parse().unwrap(), &caller);
        Self {
            notifications: NotificationsServiceClient::new(client.clone()),
            dead_letters: DeadLetterServiceClient::new(client.clone()),
            cursors: CursorServiceClient::new(client),
            platform,
            producers: producers.into(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.platform.clock.now()
    }

    pub(crate) async fn list(
        &mut self,
        request: ListNotificationsRequest,
    ) -> Result<ListNotificationsResponse, Status> {
        Ok(self.notifications.list_notifications(request).await?.into_inner())
    }

    /// The first page of a customer.
    pub(crate) async fn of(&mut self, customer_id: &str) -> Vec<Notification> {
        let request = ListNotificationsRequest { customer_id: customer_id.into(), ..Default::default() };
        self.list(request).await.unwrap().notifications
    }

    pub(crate) async fn watch(
        &mut self,
        customer_id: &str,
    ) -> Result<Streaming<WatchNotificationsResponse>, Status> {
        let mut request = Request::new(WatchNotificationsRequest { customer_id: customer_id.into() });
        request.extensions_mut().insert(NoDeadline);
        Ok(self.notifications.watch_notifications(request).await?.into_inner())
    }

    /// A producer publishes an event, and notifications has moved past it; gives the event's id.
    pub(crate) async fn publish<M: Message + Name>(
        &mut self,
        producer: &'static str,
        key: &str,
        payload: &M,
    ) -> Uuid {
        let id = self.platform.ids.uuid();
        self.publish_all(producer, vec![NewEvent::new(id, key, self.now(), payload)]).await;
        id
    }

    /// The same for several events in one transaction.
    pub(crate) async fn publish_all(&mut self, producer: &'static str, events: Vec<NewEvent>) {
        let (db, published) = self.producers.get_mut(producer).unwrap();
        *published += i64::try_from(events.len()).unwrap();
        let end = *published;
        let publish = move |tx: &mut madang_db::Tx<'_>| {
            events.iter().try_for_each(|event| madang_events::publish(tx, event))
        };
        db.write(Kind::Request, publish).await.unwrap();
        loop {
            let cursors =
                self.cursors.list_cursors(ListCursorsRequest {}).await.unwrap().into_inner().cursors;
            if cursors.iter().any(|cursor| cursor.producer == producer && cursor.position == end) {
                return;
            }
            // The clock is paused: this only lets the other tasks go on.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What could not be applied.
    pub(crate) async fn letters(&mut self) -> Vec<DeadLetter> {
        let request = ListDeadLettersRequest::default();
        self.dead_letters.list_dead_letters(request).await.unwrap().into_inner().dead_letters
    }
}

/// The settings of notifications beside three producers.
pub(crate) fn config(server: ServerArgs, database: madang_db::Config) -> Config {
    Config {
        server,
        telemetry: TelemetryArgs::default(),
        database,
        events: EventsArgs::default(),
        orders_url: "http://orders".parse().unwrap(),
        payments_url: "http://payments".parse().unwrap(),
        shipping_url: "http://shipping".parse().unwrap(),
    }
}

/// A service that serves its feed and nothing else.
fn start_producer(name: &'static str, network: &Network) -> Db {
    let platform = platform(Service { name, version: "0", port: 0 }, network, 3);
    let db =
        Db::inline(&madang_db::Config::sqlite(":memory:"), vec![madang_events::migrations()], 2).unwrap();
    let outbox = Outbox::start(&db, &platform, &OutboxConfig::default());
    let server = Server::new(&platform, &ServerArgs::default()).add_service(outbox.feed());
    let listener = network.listen(name);
    platform.tasks.spawn("producer", async move { Box::pin(server.serve(listener)).await.unwrap() });
    db
}

fn platform(service: Service, network: &Network, seed: u64) -> Platform {
    let (clock, ids) = (TestClock::following_tokio(), SeededIds::new(seed));
    Platform { connector: network.connector(), ..Platform::new(service, Arc::new(clock), Arc::new(ids)) }
}

pub(crate) fn order(n: u64) -> String {
    SeededIds::new(n + 100).uuid().to_string()
}

/// The order is confirmed at 45.00 USD.
pub(crate) fn confirmed(order_id: &str, customer_id: &str) -> OrderConfirmed {
    let total = Some(Money { minor_units: 45_00, currency_code: "USD".into() });
    OrderConfirmed { order_id: order_id.into(), customer_id: customer_id.into(), total }
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
