//! The service without its server.

use std::sync::Arc;
use std::time::Duration;

use madang_api::events::v1::{OrderCancelled, OrderConfirmed};
use madang_chassis::Platform;
use madang_chassis::testing::TestClock;
use madang_db::testing::{Fresh, OnPostgres};
use madang_db::{Db, Kind, params};
use madang_events::{Event, Failure, Handler, Outcome};
use madang_payments::app::{App, Authorize, Error, Refund};
use madang_payments::domain::Payment;
use madang_payments::{OrderEvents, SERVICE, store};
use madang_types::{Currency, Money, OrderId, RequestId};
use prost::{Message, Name};
use uuid::Uuid;

#[derive(Clone)]
pub(crate) struct Till {
    pub(crate) app: App,
    db: Db,
    _fresh: Option<Arc<Fresh>>,
}

pub(crate) fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

pub(crate) fn usd(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::USD).unwrap()
}

pub(crate) fn confirmed(n: u128) -> Event {
    let total = Some(usd(1000).into());
    let payload = OrderConfirmed { order_id: order(n).to_string(), customer_id: "mina".into(), total };
    event(n, &payload)
}

pub(crate) fn cancelled(n: u128) -> Event {
    let (order_id, customer_id) = (order(n).to_string(), "mina".to_owned());
    event(n, &OrderCancelled { order_id, customer_id, reason: "CANCELLED_BY_CUSTOMER".into() })
}

pub(crate) fn event<M: Message + Name>(n: u128, payload: &M) -> Event {
    Event {
        id: Uuid::from_u128(n + 1000),
        position: 1,
        key: order(n).to_string(),
        kind: M::full_name(),
        payload: payload.encode_to_vec().into(),
        occur_time: "2026-01-02T03:04:05Z".parse().unwrap(),
        traceparent: "00-00000000000000000000000000000001-0000000000000001-01".into(),
    }
}

/// A clock that is finer than what is stored, as the system's is.
fn fine_clock() -> TestClock {
    let clock = TestClock::new();
    clock.advance(Duration::from_nanos(123_456_789));
    clock
}

impl Till {
    pub(crate) async fn open() -> Self {
        let fresh = Fresh::new();
        let db = fresh.open(vec![madang_events::migrations(), store::migrations()]).await;
        Self { _fresh: Some(Arc::new(fresh)), ..Self::over(db) }
    }

    /// One of several over the same database.
    pub(crate) async fn replica(database: &OnPostgres) -> Self {
        Self::over(database.open(vec![madang_events::migrations(), store::migrations()]).await)
    }

    fn over(db: Db) -> Self {
        let platform = Platform { clock: Arc::new(fine_clock()), ..Platform::test(SERVICE) };
        Self { app: App::new(db.clone(), &platform), db, _fresh: None }
    }

    /// 10.00 USD of mina's.
    pub(crate) async fn authorize(&self, n: u128, card: &str) -> Result<Payment, Error> {
        self.authorize_amount(n, card, usd(1000)).await
    }

    pub(crate) async fn authorize_amount(
        &self,
        n: u128,
        card: &str,
        amount: Money,
    ) -> Result<Payment, Error> {
        let (card, customer) = (card.parse().unwrap(), "mina".parse().unwrap());
        self.app.authorize(Authorize { order: order(n), amount, card, customer }).await
    }

    pub(crate) async fn refund(
        &self,
        n: u128,
        request: u128,
        amount: Option<Money>,
    ) -> Result<Payment, Error> {
        let request = RequestId::new(Uuid::from_u128(request));
        self.app.refund(Refund { request, order: order(n), amount }).await
    }

    /// Applies an event as the consumer does.
    pub(crate) async fn apply(&self, event: Event) -> Result<Outcome, Failure> {
        self.db.write(Kind::Cursor, move |tx| OrderEvents.apply(tx, &event)).await
    }

    /// Gives an event up as the consumer does.
    pub(crate) async fn bury(&self, event: Event) {
        let failure = Failure::Permanent { reason: "PAYMENT_OUTSTANDING", detail: String::new() };
        let work = move |tx: &mut madang_db::Tx<'_>| OrderEvents.dead_lettered(tx, &event, &failure);
        self.db.write(Kind::Cursor, work).await.unwrap();
    }

    /// What was published, as key and message.
    pub(crate) async fn published<M: Message + Name + Default>(&self) -> Vec<(String, M)> {
        const SQL: &str = "SELECT event_key, payload FROM events_outbox WHERE kind = $1 ORDER BY seq";
        let rows = self.db.read(|tx| tx.query(SQL, &params![M::full_name()]));
        let rows: Vec<madang_db::Row> = rows.await.unwrap();
        let message = |row: &madang_db::Row| M::decode(&*row.get::<Vec<u8>>(1).unwrap()).unwrap();
        rows.iter().map(|row| (row.get(0).unwrap(), message(row))).collect()
    }

    /// Breaks what the ledger holds of an order.
    pub(crate) async fn lose_a_cent(&self, n: u128) {
        const SQL: &str = "UPDATE ledger_entries SET minor_units = 999 WHERE sequence = 2 AND order_id = $1";
        let lose = move |tx: &mut madang_db::Tx<'_>| tx.execute_one(SQL, &params![order(n).uuid()]);
        self.db.write(Kind::Request, lose).await.unwrap();
    }

    /// The balance of an account in USD.
    pub(crate) async fn balance(&self, account: &str) -> i64 {
        let balances = self.app.audit(None, 1).await.unwrap().balances;
        let of_account = |sum: &&madang_payments::domain::Entry| {
            (sum.account.name(), sum.currency) == (account, Currency::USD)
        };
        balances.iter().find(of_account).map_or(0, |sum| sum.minor_units)
    }
}
