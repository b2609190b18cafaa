//! What the store must hold to on a real database.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::Fresh;
use madang_db::{Config, Db, Error, Kind, Tx};
use madang_payments::domain::{Account, CardToken, Decline, Entry, Movement, Payment, State, Terms};
use madang_payments::store;
use madang_types::{Currency, Money, OrderId};
use uuid::Uuid;

async fn open(fresh: &Fresh) -> Db {
    fresh.open(vec![madang_events::migrations(), store::migrations()]).await
}

async fn database() -> (Fresh, Db) {
    let fresh = Fresh::new();
    let db = open(&fresh).await;
    (fresh, db)
}

async fn write<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    db.write(Kind::Request, work).await
}

async fn read<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    db.read(work).await.unwrap()
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn usd(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::USD).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn terms() -> Terms {
    let card: CardToken = "tok_visa".parse().unwrap();
    Terms { amount: usd(1000), card: card.digest(), customer: "mina".parse().unwrap() }
}

fn entry(account: Account, minor_units: i64) -> Entry {
    Entry { account, currency: Currency::USD, minor_units }
}

async fn authorized(db: &Db, n: u128) -> Payment {
    let (payment, movement) = Payment::authorize(order(n), terms(), None, at(1));
    let written = payment.clone();
    write(db, move |tx| store::insert(tx, &written, movement)).await.unwrap();
    payment
}

#[tokio::test]
async fn every_state_comes_back_as_it_went_in() {
    let (_fresh, db) = database().await;
    let states = [
        State::Authorized { terms: terms() },
        State::Captured { terms: terms(), refunded: usd(0) },
        State::Captured { terms: terms(), refunded: usd(999) },
        State::Voided { terms: Some(terms()) },
        State::Voided { terms: None },
        State::Refunded { terms: terms() },
        State::Declined { terms: terms(), reason: Decline::CardDeclined },
    ];
    for (n, state) in (1..).zip(states) {
        let payment = Payment { order: order(n), state, updated: at(1) };
        let written = payment.clone();
        write(&db, move |tx| store::insert(tx, &written, None)).await.unwrap();
        assert_eq!(read(&db, move |tx| store::payment(tx, order(n))).await, Some(payment.clone()));
        let locked = write(&db, move |tx| store::payment_to_change(tx, order(n))).await.unwrap();
        assert_eq!(locked.map(|found| found.value), Some(payment));
    }
    assert_eq!(read(&db, |tx| store::payment(tx, order(99))).await, None);
}

#[tokio::test]
async fn a_payment_and_its_ledger_outlive_the_process() {
    let (fresh, db) = database().await;
    let payment = authorized(&db, 1).await;
    drop(db);
    let db = open(&fresh).await;
    assert_eq!(read(&db, |tx| store::payment(tx, order(1))).await, Some(payment));
    let held = vec![entry(Account::Customer, -1000), entry(Account::Held, 1000)];
    assert_eq!(read(&db, store::balances).await, held);
}

#[tokio::test]
async fn a_second_insert_is_a_conflict_and_enters_nothing() {
    let (_fresh, db) = database().await;
    let payment = authorized(&db, 1).await;
    let movement = Movement { from: Account::Customer, to: Account::Held, amount: usd(5) };
    let second = write(&db, move |tx| store::insert(tx, &payment, Some(movement))).await;
    assert!(matches!(second, Err(Error::Conflict)), "{second:?}");
    let held = vec![entry(Account::Customer, -1000), entry(Account::Held, 1000)];
    assert_eq!(read(&db, store::balances).await, held);
}

#[tokio::test]
async fn an_update_with_an_old_version_is_a_conflict_and_enters_nothing() {
    let (_fresh, db) = database().await;
    authorized(&db, 1).await;
    let twice = |tx: &mut Tx<'_>| {
        let found = store::payment_to_change(tx, order(1))?.unwrap();
        let voided = Payment { state: State::Voided { terms: Some(terms()) }, ..found.value.clone() };
        let movement = Movement { from: Account::Held, to: Account::Customer, amount: usd(1000) };
        store::update(tx, &found.with(voided.clone()), movement)?;
        store::update(tx, &found.with(voided), movement)
    };
    let second = write(&db, twice).await;
    assert!(matches!(second, Err(Error::Conflict)), "{second:?}");
    let kept = read(&db, |tx| store::payment(tx, order(1))).await.unwrap();
    assert_eq!(kept.state, State::Authorized { terms: terms() }, "both updates were rolled back");
    let held = vec![entry(Account::Customer, -1000), entry(Account::Held, 1000)];
    assert_eq!(read(&db, store::balances).await, held);
}

#[tokio::test]
async fn the_entries_of_an_order_are_numbered_by_its_versions() {
    let (_fresh, db) = database().await;
    authorized(&db, 1).await;
    let capture = |tx: &mut Tx<'_>| {
        let found = store::payment_to_change(tx, order(1))?.unwrap();
        let captured = State::Captured { terms: terms(), refunded: usd(0) };
        let movement = Movement { from: Account::Held, to: Account::Shop, amount: usd(1000) };
        let payment = Payment { state: captured, updated: at(2), ..found.value.clone() };
        store::update(tx, &found.with(payment), movement)
    };
    write(&db, capture).await.unwrap();
    const SQL: &str =
        "SELECT sequence, account, minor_units, entered_at FROM ledger_entries ORDER BY sequence";
    let rows = read(&db, |tx| tx.query(SQL, &[])).await;
    let lines: Vec<(i64, String, i64, i64)> = rows
        .iter()
        .map(|row| (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap(), row.get(3).unwrap()))
        .collect();
    let expected = [
        (1, "customer", -1000, 1_000_000),
        (2, "held", 1000, 1_000_000),
        (3, "held", -1000, 2_000_000),
        (4, "shop", 1000, 2_000_000),
    ];
    assert_eq!(lines, expected.map(|(n, account, units, at)| (n, account.to_owned(), units, at)));
}

#[tokio::test]
async fn pages_follow_the_order_ids() {
    let (_fresh, db) = database().await;
    for n in [3, 1, u128::MAX, 2] {
        authorized(&db, n).await;
    }
    let page = async |after: Option<u128>| {
        let after = after.map(order);
        let payments = read(&db, move |tx| store::page(tx, after, 2)).await;
        payments.into_iter().map(|payment| payment.order).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, [order(1), order(2)]);
    assert_eq!(page(Some(2)).await, [order(3), order(u128::MAX)]);
    assert_eq!(page(Some(u128::MAX)).await, []);
}

#[tokio::test]
async fn sums_are_those_of_the_orders_asked_for() {
    let (_fresh, db) = database().await;
    for n in 1..=3 {
        authorized(&db, n).await;
    }
    let sums = read(&db, |tx| store::sums(tx, order(1), order(2))).await;
    let mut orders: Vec<_> = sums.keys().copied().collect();
    orders.sort();
    assert_eq!(orders, [order(1), order(2)]);
    let mut of_one = sums[&order(1)].clone();
    of_one.sort();
    assert_eq!(of_one, [entry(Account::Customer, -1000), entry(Account::Held, 1000)]);
}

#[tokio::test]
async fn what_the_rules_forbid_the_schema_forbids_too() {
    let (_fresh, db) = database().await;
    authorized(&db, 1).await;
    const BROKEN: [&str; 6] = [
        "UPDATE payments SET refunded = 1001",
        "UPDATE payments SET refunded = -1",
        "UPDATE payments SET amount = 0",
        "UPDATE payments SET state = 'DECLINED'",
        "UPDATE ledger_entries SET order_id = order_id || order_id",
        "UPDATE ledger_entries SET account = 'till'",
    ];
    for sql in BROKEN {
        let refused = write(&db, move |tx| tx.execute(sql, &[])).await;
        assert!(matches!(refused, Err(Error::Sql(_))), "{sql}: {refused:?}");
    }
}

#[tokio::test]
async fn a_row_that_is_no_payment_is_an_error_and_no_guess() {
    let (_fresh, db) = database().await;
    authorized(&db, 1).await;
    const BROKEN: [&str; 5] = [
        "UPDATE payments SET currency = 'usd'",
        "UPDATE payments SET customer_id = 'a b'",
        "UPDATE payments SET card_digest = order_id",
        "UPDATE payments SET state = 'CAPTURED', refunded = amount",
        "UPDATE payments SET state = 'DECLINED', decline_reason = 'WHY'",
    ];
    for sql in BROKEN {
        let unreadable = write(&db, move |tx| {
            tx.execute(sql, &[])?;
            store::payment(tx, order(1)).map(drop)
        });
        let unreadable = unreadable.await;
        assert!(matches!(unreadable, Err(Error::Row { .. })), "{sql}: {unreadable:?}");
    }
}

#[tokio::test]
async fn the_card_is_stored_as_a_digest_alone() {
    // What PostgreSQL stores is the same columns; what SQLite stores can be read as it is.
    let folder = tempfile::tempdir().unwrap();
    let config = Config::sqlite(folder.path().join("payments.db"));
    let db = Db::open(&config, vec![madang_events::migrations(), store::migrations()]).await.unwrap();
    authorized(&db, 1).await;
    drop(db);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"tok_visa"), "{}", path.display());
    }
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(
        madang_db::testing::slow_to_write(vec![madang_events::migrations(), store::migrations()]).is_empty()
    );
}
