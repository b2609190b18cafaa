//! What the use cases and the events of orders do to the store, on a real database.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use jiff::Timestamp;
use madang_chassis::Platform;
use madang_chassis::testing::TestClock;
use madang_db::testing::Fresh;
use madang_db::{Db, Kind, Tx};
use madang_inventory::app::{self, App, Error, Reserve, Restock};
use madang_inventory::domain::{Change, Lines, State, Stock};
use madang_inventory::{SERVICE, store};
use madang_types::{OrderId, ProductId, Quantity, RequestId};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

struct House {
    db: Db,
    app: App,
    clock: TestClock,
    _fresh: Fresh,
}

impl House {
    /// Ten cups.
    async fn open() -> Self {
        let fresh = Fresh::new();
        let db = fresh.open(vec![madang_events::migrations(), store::migrations()]).await;
        let clock = TestClock::new();
        let platform = Platform { clock: Arc::new(clock.clone()), ..Platform::test(SERVICE) };
        let app = App::new(db.clone(), &platform);
        app.seed(vec![(cup(), pieces(10))]).await.unwrap();
        Self { db, app, clock, _fresh: fresh }
    }

    async fn numbers(&self) -> [i64; 3] {
        let stock = self.app.stock(cup()).await.unwrap();
        [stock.available(), stock.reserved(), stock.sold()]
    }

    async fn reserve(&self, n: u128, expires: Option<Timestamp>) -> Result<State, Error> {
        let command = Reserve { order: order(n), lines: Lines::new(vec![(cup(), pieces(4))]), expires };
        self.app.reserve(command).await.map(|reservation| reservation.state)
    }

    async fn event(
        &self,
        apply: fn(&mut Tx<'_>, OrderId) -> Result<Change, Error>,
        n: u128,
    ) -> Result<Change, Error> {
        self.db.write(Kind::Cursor, move |tx| apply(tx, order(n))).await
    }
}

fn cup() -> ProductId {
    "celadon-tea-cup".parse().unwrap()
}

fn pieces(n: i64) -> Quantity {
    n.try_into().unwrap()
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

#[tokio::test]
async fn a_house_with_stock_is_not_stocked_again() {
    let house = House::open().await;
    assert_eq!(house.app.seed(vec![(cup(), pieces(99))]).await.unwrap(), Change::AlreadyApplied);
    assert_eq!(house.numbers().await, [10, 0, 0]);
}

#[tokio::test]
async fn a_confirmed_order_sells_once_and_a_cancelled_one_comes_back_once() {
    let house = House::open().await;
    house.reserve(1, None).await.unwrap();
    assert_eq!(house.event(app::sell, 1).await.unwrap(), Change::Applied);
    assert_eq!(house.event(app::sell, 1).await.unwrap(), Change::AlreadyApplied);
    assert_eq!(house.numbers().await, [6, 0, 4]);
    assert!(matches!(house.app.release(order(1)).await, Err(Error::Sold)));
    assert_eq!(house.event(app::cancel, 1).await.unwrap(), Change::Applied);
    assert_eq!(house.event(app::cancel, 1).await.unwrap(), Change::AlreadyApplied);
    assert_eq!(house.numbers().await, [10, 0, 0]);
}

#[tokio::test]
async fn an_event_that_reaches_an_undone_reservation_is_already_applied() {
    let house = House::open().await;
    house.app.release(order(1)).await.unwrap();
    assert_eq!(house.event(app::sell, 1).await.unwrap(), Change::AlreadyApplied);
    assert_eq!(house.event(app::cancel, 1).await.unwrap(), Change::AlreadyApplied);
    assert_eq!(house.numbers().await, [10, 0, 0]);
}

#[tokio::test]
async fn an_event_of_an_order_that_reserved_nothing_is_a_defect() {
    let house = House::open().await;
    assert!(matches!(house.event(app::sell, 7).await, Err(Error::Unreserved)));
}

#[tokio::test]
async fn a_cancellation_of_an_order_that_reserved_nothing_yet_leaves_a_tombstone() {
    let house = House::open().await;
    assert_eq!(house.event(app::cancel, 7).await.unwrap(), Change::AlreadyApplied);
    assert!(matches!(house.reserve(7, None).await, Err(Error::StepUndone)));
}

#[tokio::test]
async fn a_direct_callers_reservation_ends_when_its_time_is_over_and_an_orders_never_does() {
    let house = House::open().await;
    let soon = Timestamp::from_second(1_767_225_600 + 60).unwrap();
    house.reserve(1, Some(soon)).await.unwrap();
    house.reserve(2, None).await.unwrap();
    assert_eq!(house.app.release_expired().await.unwrap(), 0);
    house.clock.advance(Duration::from_secs(61));
    assert_eq!(house.app.release_expired().await.unwrap(), 1);
    assert_eq!(house.app.release_expired().await.unwrap(), 0);
    assert_eq!(house.numbers().await, [6, 4, 0]);
    assert!(matches!(house.reserve(1, Some(soon)).await, Err(Error::StepUndone)));
}

#[tokio::test]
async fn a_product_receives_no_more_than_its_limit() {
    let house = House::open().await;
    let full = Stock::restore(cup(), [Stock::MAX_RECEIVED, 0, 0]).unwrap();
    let fill = move |tx: &mut Tx<'_>| -> Result<(), madang_db::Error> {
        let found = store::stock_to_change(tx, &cup())?.unwrap();
        store::update_stock(tx, &found.with(full.clone()))
    };
    house.db.write(Kind::Request, fill).await.unwrap();
    let request = RequestId::new(Uuid::from_u128(1));
    let answer = house.app.restock(Restock { request, product: cup(), pieces: pieces(1) }).await;
    assert!(matches!(answer, Err(Error::TooMany(_))));
}

#[tokio::test]
async fn a_writer_that_read_an_older_version_loses() {
    let house = House::open().await;
    let stale = |tx: &mut Tx<'_>| store::stock_to_change(tx, &cup());
    let stale = house.db.write::<_, madang_db::Error, _>(Kind::Request, stale).await.unwrap().unwrap();
    house.reserve(1, None).await.unwrap();
    let late = move |tx: &mut Tx<'_>| store::update_stock(tx, &stale);
    assert!(matches!(house.db.write(Kind::Request, late).await, Err(madang_db::Error::Conflict)));
    assert_eq!(house.numbers().await, [6, 4, 0]);
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(
        madang_db::testing::slow_to_write(vec![madang_events::migrations(), store::migrations()]).is_empty()
    );
}
