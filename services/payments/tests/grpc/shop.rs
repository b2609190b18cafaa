//! The service as it runs, with the feed of an orders service that the test writes.

use std::sync::Arc;
use std::time::Duration;

use madang_api::error;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_api::payments::v1::{
    AuditLedgerRequest, AuthorizePaymentRequest, CapturePaymentRequest, GetPaymentRequest, Payment,
    RefundPaymentRequest, VoidPaymentRequest,
};
use madang_api::types::v1::Money;
use madang_chassis::testing::TestClock;
use madang_chassis::{Client, Network, Platform, Server, ServerArgs, Service, TelemetryArgs};
use madang_db::testing::Fresh;
use madang_db::{Config, Db, Kind};
use madang_events::{EventsArgs, NewEvent, Outbox, OutboxConfig};
use madang_payments::SERVICE;
use prost::{Message, Name};
use tempfile::TempDir;
use tonic::{Code, Status};
use uuid::Uuid;

const ORDERS: Service = Service { name: "orders", version: "0.0.0", port: 50055 };

pub(crate) struct Shop {
    pub(crate) payments: PaymentsServiceClient<Client>,
    pub(crate) client: Client,
    orders: Db,
    platform: Platform,
    _homes: (Fresh, TempDir),
}

pub(crate) fn id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

pub(crate) fn usd(minor_units: i64) -> Money {
    Money { minor_units, currency_code: "USD".into() }
}

/// Code and reason of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), error::reason(&status).unwrap_or_default())
}

/// The fields of an INVALID_REQUEST.
pub(crate) fn bad_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(error::reason(status).as_deref(), Some(error::INVALID_REQUEST));
    error::violations(status).into_iter().map(|violation| violation.field).collect()
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let (fresh, folder) = (Fresh::new(), tempfile::tempdir().unwrap());
        let network = Network::new();
        let mut platform = Platform::test(SERVICE);
        platform.connector = network.connector();
        // Finer than what is stored, as the system's clock is.
        let clock = TestClock::new();
        clock.advance(Duration::from_nanos(123_456_789));
        platform.clock = Arc::new(clock);
        let orders = Self::start_orders(&network, &folder).await;
        let config = madang_payments::Config {
            server: ServerArgs::default(),
            telemetry: TelemetryArgs::default(),
            database: fresh.config(),
            events: EventsArgs::default(),
            orders_url: "http://orders".parse().unwrap(),
        };
        let running = madang_payments::run(config, network.listen("payments"), platform.clone());
        platform.tasks.spawn("payments", async move { running.await.unwrap() });
        let client = Client::new("http://payments".parse().unwrap(), &platform);
        let payments = PaymentsServiceClient::new(client.clone());
        Self { payments, client, orders, platform, _homes: (fresh, folder) }
    }

    /// With the payment of an order, 10.00 USD, captured.
    pub(crate) async fn captured(n: u128) -> Self {
        let mut shop = Self::open().await;
        shop.authorize(n, "tok_visa").await.unwrap();
        shop.capture(n).await.unwrap();
        shop
    }

    /// Whatever payments stands on, this feed stands on a file.
    async fn start_orders(network: &Network, folder: &TempDir) -> Db {
        let config = Config::sqlite(folder.path().join("orders.db"));
        let db = Db::open(&config, vec![madang_events::migrations()]).await.unwrap();
        let platform = Platform::test(ORDERS);
        let outbox = Outbox::start(&db, &platform, &OutboxConfig::default());
        let server = Server::new(&platform, &ServerArgs::default()).add_service(outbox.feed());
        let listener = network.listen("orders");
        platform.tasks.spawn("orders", async move { server.serve(listener).await.unwrap() });
        db
    }

    /// Publishes as orders would.
    pub(crate) async fn publish<M: Message + Name>(&self, n: u128, payload: &M) {
        let (id, at) = (self.platform.ids.uuid(), self.platform.clock.now());
        let event = NewEvent::new(id, self::id(n), at, payload);
        let work = move |tx: &mut madang_db::Tx<'_>| madang_events::publish(tx, &event);
        self.orders.write(Kind::Request, work).await.unwrap();
    }

    pub(crate) fn feed(&self) -> EventFeedServiceClient<Client> {
        EventFeedServiceClient::new(self.client.clone())
    }

    pub(crate) fn dead_letters(&self) -> DeadLetterServiceClient<Client> {
        DeadLetterServiceClient::new(self.client.clone())
    }

    pub(crate) async fn authorize(&mut self, n: u128, card: &str) -> Result<Payment, Status> {
        self.authorize_with(authorization(n, card)).await
    }

    pub(crate) async fn authorize_with(
        &mut self,
        request: AuthorizePaymentRequest,
    ) -> Result<Payment, Status> {
        let answer = self.payments.authorize_payment(request).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn void(&mut self, n: u128) -> Result<Payment, Status> {
        let answer = self.payments.void_payment(VoidPaymentRequest { order_id: id(n) }).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn capture(&mut self, n: u128) -> Result<Payment, Status> {
        let answer = self.payments.capture_payment(CapturePaymentRequest { order_id: id(n) }).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn refund(
        &mut self,
        n: u128,
        request: u128,
        amount: Option<Money>,
    ) -> Result<Payment, Status> {
        let request = RefundPaymentRequest { request_id: id(request), order_id: id(n), amount };
        let answer = self.payments.refund_payment(request).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    pub(crate) async fn get(&mut self, n: u128) -> Result<Payment, Status> {
        let answer = self.payments.get_payment(GetPaymentRequest { order_id: id(n) }).await?;
        Ok(answer.into_inner().payment.unwrap())
    }

    /// The balance of an account in USD.
    pub(crate) async fn balance(&mut self, account: &str) -> i64 {
        let audit = self.payments.audit_ledger(AuditLedgerRequest::default()).await.unwrap().into_inner();
        let of_account = audit.balances.into_iter().find(|sum| sum.account == account);
        of_account.and_then(|sum| sum.balance).map_or(0, |balance| balance.minor_units)
    }

    /// How many payments there are, refused ones and tombstones among them.
    pub(crate) async fn payments_there(&mut self) -> usize {
        let all = AuditLedgerRequest { page_size: 200, page_token: String::new() };
        self.payments.audit_ledger(all).await.unwrap().into_inner().payments.len()
    }
}

/// 10.00 USD of mina's.
pub(crate) fn authorization(n: u128, card: &str) -> AuthorizePaymentRequest {
    AuthorizePaymentRequest {
        order_id: id(n),
        amount: Some(usd(1000)),
        card_token: card.into(),
        customer_id: "mina".into(),
    }
}

/// A test that waits for what does not come fails after this.
pub(crate) async fn in_time<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), work).await.unwrap()
}
