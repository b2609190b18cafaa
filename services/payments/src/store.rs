//! Payments and their ledger in SQL, over one interface for both databases. Rows are private; domain words go in and out.
//! A payment and the movement that changes it are written by one function, so that neither is ever written without the other.

mod audit;

use jiff::Timestamp;
use madang_db::{Dialect, Error, Row, Tx, Value, params};
use madang_types::{Currency, Money, OrderId};

pub use self::audit::{balances, page, sums};
use crate::domain::{CardDigest, Decline, Movement, Payment, State, Terms};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "payments_schema_history", runner: embedded::migrations::runner() }
}

/// A row together with the version that guards its update.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// What was read.
    pub value: T,
    version: i64,
}

impl<T> Versioned<T> {
    /// Another value in the place of this one, guarded by the same version.
    pub fn with<U>(&self, value: U) -> Versioned<U> {
        Versioned { value, version: self.version }
    }
}

/// Reads the payment of an order.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no payment.
pub fn payment(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Payment>, Error> {
    const SQL: &str = "SELECT order_id, state, amount, currency, customer_id, card_digest, refunded, decline_reason, \
                       updated_at, version FROM payments WHERE order_id = $1";
    let row = tx.query_opt(SQL, &params![order.uuid()])?;
    row.as_ref().map(read).transpose().map(|found| found.map(|found| found.value))
}

/// Reads the payment of an order to change it: the row stays locked.
///
/// # Errors
/// Those of [`payment`].
pub fn payment_to_change(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Versioned<Payment>>, Error> {
    const SQLITE: &str = "SELECT order_id, state, amount, currency, customer_id, card_digest, refunded, \
                          decline_reason, updated_at, version FROM payments WHERE order_id = $1";
    const POSTGRES: &str = "SELECT order_id, state, amount, currency, customer_id, card_digest, refunded, \
                            decline_reason, updated_at, version FROM payments WHERE order_id = $1 FOR UPDATE";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    tx.query_opt(sql, &params![order.uuid()])?.as_ref().map(read).transpose()
}

/// Writes an order's first payment, with the movement it makes, or a refusal or tombstone, which makes none.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn insert(tx: &mut Tx<'_>, payment: &Payment, movement: Option<Movement>) -> Result<(), Error> {
    tx.send_one(INSERT, &insert_values(payment))?;
    movement.map_or(Ok(()), |movement| enter(tx, payment, movement, 1))
}

/// The same where there may be one, which then stays: tells whether this is the first. It looks and writes in one.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn insert_first(tx: &mut Tx<'_>, payment: &Payment, movement: Option<Movement>) -> Result<bool, Error> {
    let is_first = tx.execute(INSERT, &insert_values(payment))? == 1;
    if let (true, Some(movement)) = (is_first, movement) {
        enter(tx, payment, movement, 1)?;
    }
    Ok(is_first)
}

const INSERT: &str = "INSERT INTO payments (state, amount, currency, customer_id, card_digest, refunded, \
                      decline_reason, updated_at, order_id, created_at, version) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, 1) ON CONFLICT DO NOTHING";

fn insert_values(payment: &Payment) -> Vec<Value> {
    let mut values = columns(payment);
    values.extend(params![payment.order.uuid()]);
    values
}

/// Writes a changed payment with the movement that changed it.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn update(tx: &mut Tx<'_>, payment: &Versioned<Payment>, movement: Movement) -> Result<(), Error> {
    const SQL: &str = "UPDATE payments SET state = $1, amount = $2, currency = $3, customer_id = $4, card_digest = $5, \
                       refunded = $6, decline_reason = $7, updated_at = $8, version = version + 1 \
                       WHERE order_id = $9 AND version = $10";
    let Versioned { value, version } = payment;
    let mut values = columns(value);
    values.extend(params![value.order.uuid(), *version]);
    tx.send_one(SQL, &values)?;
    enter(tx, value, movement, version + 1)
}

/// Enters both lines of a movement under the payment's new version, which no other writer can have.
fn enter(tx: &mut Tx<'_>, payment: &Payment, movement: Movement, version: i64) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO ledger_entries (order_id, sequence, account, minor_units, currency, entered_at) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
    for (sequence, entry) in (2 * version - 1..).zip(movement.entries()) {
        let (order, at) = (payment.order.uuid(), payment.updated.as_microsecond());
        let values =
            params![order, sequence, entry.account.name(), entry.minor_units, entry.currency.as_str(), at];
        tx.send_one(SQL, &values)?;
    }
    Ok(())
}

fn columns(payment: &Payment) -> Vec<Value> {
    let (state, decline) = match &payment.state {
        State::Authorized { .. } => ("AUTHORIZED", None),
        State::Captured { .. } => ("CAPTURED", None),
        State::Voided { .. } => ("VOIDED", None),
        State::Refunded { .. } => ("REFUNDED", None),
        State::Declined { reason, .. } => ("DECLINED", Some(reason.reason())),
    };
    let terms = payment.terms();
    params![
        state,
        terms.map(|terms| terms.amount.minor_units()),
        terms.map(|terms| terms.amount.currency().to_string()),
        terms.map(|terms| terms.customer.as_str()),
        terms.map(|terms| terms.card.as_bytes().to_vec()),
        payment.refunded().map_or(0, Money::minor_units),
        decline,
        payment.updated.as_microsecond(),
    ]
    .to_vec()
}

fn read(row: &Row) -> Result<Versioned<Payment>, Error> {
    let terms = row.get::<Option<i64>>(2)?.map(|amount| read_terms(row, amount)).transpose()?;
    let needed = |terms: Option<Terms>| terms.ok_or_else(|| unreadable(2, "an amount"));
    let state = match row.get::<String>(1)?.as_str() {
        "AUTHORIZED" => State::Authorized { terms: needed(terms)? },
        "CAPTURED" => {
            let terms = needed(terms)?;
            let refunded = Money::new(row.get(6)?, terms.amount.currency())
                .ok()
                .filter(|refunded| refunded.minor_units() < terms.amount.minor_units())
                .ok_or_else(|| unreadable(6, "less than the amount"))?;
            State::Captured { terms, refunded }
        }
        "VOIDED" => State::Voided { terms },
        "REFUNDED" => State::Refunded { terms: needed(terms)? },
        "DECLINED" => {
            let reason = Decline::named(&row.get::<String>(7)?).ok_or_else(|| unreadable(7, "a reason"))?;
            State::Declined { terms: needed(terms)?, reason }
        }
        _ => return Err(unreadable(1, "the state of a payment")),
    };
    let updated = Timestamp::from_microsecond(row.get(8)?).map_err(|_| unreadable(8, "a time"))?;
    let value = Payment { order: OrderId::new(row.get(0)?), state, updated };
    Ok(Versioned { value, version: row.get(9)? })
}

fn read_terms(row: &Row, amount: i64) -> Result<Terms, Error> {
    let amount =
        Money::new(amount, currency(row, 3)?).map_err(|_| unreadable(2, "an amount of zero or more"))?;
    let customer = row.get::<String>(4)?.parse().map_err(|_| unreadable(4, "a customer id"))?;
    let card = row.get::<Vec<u8>>(5)?.try_into().map_err(|_| unreadable(5, "32 bytes"))?;
    Ok(Terms { amount, card: CardDigest::new(card), customer })
}

fn currency(row: &Row, index: usize) -> Result<Currency, Error> {
    row.get::<String>(index)?.parse().map_err(|_| unreadable(index, "a currency"))
}

fn unreadable(index: usize, expected: &'static str) -> Error {
    Error::Row { index, expected, found: "something else" }
}
