//! Orders and its participants in one process.

use std::sync::Arc;
use std::time::Duration;

use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_api::error;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{Event, SubscribeRequest};
use madang_api::inventory::v1::inventory_service_server::InventoryServiceServer;
use madang_api::orders::v1::orders_operator_service_client::OrdersOperatorServiceClient;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{
    CancelOrderRequest, GetOrderRequest, Order, OrderState, PlaceOrderRequest, WatchOrderRequest,
};
use madang_api::payments::v1::payments_service_server::PaymentsServiceServer;
use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use madang_api::types::v1::{Address, ProductQuantity};
use madang_chassis::testing::TestClock;
use madang_chassis::{Client, Network, Platform, Server, ServerArgs, Service, config};
use madang_db::Db;
use madang_orders::{Config, SERVICE};
use tempfile::TempDir;
use tonic::{Code, Request, Status};

use crate::participants::Participants;

/// A running orders service with scripted participants.
pub(crate) struct World {
    pub(crate) orders: OrdersServiceClient<Client>,
    pub(crate) operator: OrdersOperatorServiceClient<Client>,
    pub(crate) feed: EventFeedServiceClient<Client>,
    pub(crate) participants: Participants,
    pub(crate) clock: TestClock,
    network: Network,
    process: Platform,
    others: Platform,
    data: TempDir,
}

impl World {
    pub(crate) async fn open() -> Self {
        let (network, participants) = (Network::new(), Participants::new());
        let others = Platform::test(Service { name: "participants", ..SERVICE });
        for host in ["catalog", "inventory", "payments", "shipping"] {
            let server = Server::new(&others, &ServerArgs::default())
                .add_service(CatalogServiceServer::new(participants.clone()))
                .add_service(InventoryServiceServer::new(participants.clone()))
                .add_service(PaymentsServiceServer::new(participants.clone()))
                .add_service(ShippingServiceServer::new(participants.clone()));
            let listener = network.listen(host);
            others.tasks.spawn("participant", async move { server.serve(listener).await.unwrap() });
        }
        let (data, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let process = start(&network, &data, &clock);
        let client = Client::new("http://orders".parse().unwrap(), &process);
        Self {
            orders: OrdersServiceClient::new(client.clone()),
            operator: OrdersOperatorServiceClient::new(client.clone()),
            feed: EventFeedServiceClient::new(client),
            participants,
            clock,
            network,
            process,
            others,
            data,
        }
    }

    /// Ends the process and starts another on the same data.
    pub(crate) async fn restart(&mut self) {
        self.process.shutdown.begin();
        assert!(self.process.tasks.wait(Duration::from_secs(60)).await);
        self.process = start(&self.network, &self.data, &self.clock);
    }

    pub(crate) async fn place(&mut self, request: PlaceOrderRequest) -> Result<Order, Status> {
        Ok(self.orders.place_order(request).await?.into_inner().order.unwrap())
    }

    /// Places an order and comes back at once, with whatever state it has.
    pub(crate) async fn place_in_a_hurry(&mut self, message: PlaceOrderRequest) -> Order {
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_millis(1_000));
        self.orders.place_order(request).await.unwrap().into_inner().order.unwrap()
    }

    pub(crate) async fn cancel(&mut self, n: u8, order: &Order) -> Result<Order, Status> {
        let request = CancelOrderRequest { request_id: uuid(n), order_id: order.order_id.clone() };
        Ok(self.orders.cancel_order(request).await?.into_inner().order.unwrap())
    }

    pub(crate) async fn get(&mut self, order: &Order) -> Order {
        let request = GetOrderRequest { order_id: order.order_id.clone() };
        self.orders.get_order(request).await.unwrap().into_inner().order.unwrap()
    }

    /// Waits by WatchOrder until the order has a state.
    pub(crate) async fn reaches(&mut self, order: &Order, state: OrderState) -> Order {
        loop {
            let request = WatchOrderRequest { order_id: order.order_id.clone() };
            let mut states = self.orders.watch_order(request).await.unwrap().into_inner();
            while let Ok(Some(seen)) = states.message().await {
                let seen = seen.order.unwrap();
                if seen.state() == state {
                    return seen;
                }
            }
        }
    }

    /// What the process counts, as its admin port shows it.
    pub(crate) fn metrics(&self) -> String {
        self.process.metrics.text()
    }

    /// The types of all events so far, once there are `count`.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<String> {
        let request = SubscribeRequest { consumer: "test".into(), after_position: 0 };
        let mut stream = self.feed.subscribe(request).await.unwrap().into_inner();
        let mut events: Vec<Event> = Vec::new();
        while events.len() < count {
            events.extend(stream.message().await.unwrap().unwrap().events);
        }
        let name = |event: Event| event.r#type.rsplit('.').next().unwrap_or_default().to_owned();
        events.into_iter().map(name).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.process.shutdown.begin();
        self.others.shutdown.begin();
    }
}

fn start(network: &Network, data: &TempDir, clock: &TestClock) -> Platform {
    let platform = Platform {
        connector: network.connector(),
        clock: Arc::new(clock.clone()),
        ..Platform::test(SERVICE)
    };
    let database = format!("sqlite:{}", data.path().join("orders.db").display());
    let urls = ["catalog", "inventory", "payments", "shipping"]
        .map(|host| [format!("--{host}-url"), format!("http://{host}")]);
    let mut args = vec!["orders".to_owned(), "--database".to_owned(), database];
    args.extend(urls.into_iter().flatten());
    let config: Config = config::try_parse_from(&SERVICE, args).unwrap();
    let (listener, running) = (network.listen("orders"), platform.clone());
    platform.tasks.spawn("orders", async move {
        // Inline: with threads of its own the database would let the paused clock run on.
        let db = Db::inline(&config.database, madang_orders::migrations(), 1).unwrap();
        madang_orders::serve(db, config, listener, running).await.unwrap();
    });
    platform
}

pub(crate) fn uuid(n: u8) -> String {
    format!("0198c0de-0000-4000-8000-0000000000{n:02x}")
}

pub(crate) fn line(product_id: &str, quantity: i64) -> ProductQuantity {
    ProductQuantity { product_id: product_id.into(), quantity }
}

/// A good request of two tea cups.
pub(crate) fn two_cups(n: u8) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: uuid(n),
        customer_id: "mina".into(),
        lines: vec![line("tea-cup", 2)],
        address: Some(Address {
            region_code: "KR".into(),
            postal_code: "03056".into(),
            recipient: "Kim Mina".into(),
            address_lines: vec!["1 Bukchon-ro".into(), "Seoul".into()],
        }),
        card_token: "tok_visa".into(),
    }
}

pub(crate) fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), error::reason(&status).unwrap_or_default())
}

pub(crate) fn fields(status: &Status) -> Vec<String> {
    error::violations(status).into_iter().map(|violation| violation.field).collect()
}
