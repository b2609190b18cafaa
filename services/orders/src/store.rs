//! Orders in SQL, over one interface for both databases. Rows are private; domain words go in and out.

mod row;

use jiff::Timestamp;
use madang_db::{Error, Tx, params};
use madang_types::{CustomerId, OrderId};
use uuid::Uuid;

use crate::domain::Order;

/// The start of every query that reads whole orders.
macro_rules! columns {
    () => {
        "SELECT order_id, customer_id, lines, currency, shipping_price, total, weight_grams, address, card_token, \
         state, reason, undo_from, undo_to, stuck_in, owner, created_at, updated_at, version, \
         traceparent FROM orders"
    };
}

/// Of the orders under way, as the index `orders_open` has it to the letter: else SQLite does not use it.
macro_rules! is_open {
    () => {
        "(state = 'PENDING' OR state = 'CANCELLING' OR state = 'REJECTING')"
    };
}

pub mod replicas;
pub mod sagas;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "orders_schema_history", runner: embedded::migrations::runner() }
}

/// An order with the process that drives it.
#[derive(Debug, Clone)]
pub struct Owned {
    /// The order.
    pub order: Order,
    /// The process.
    pub owner: Uuid,
}

/// Whether a guarded update changed its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// It did.
    Held,
    /// Another writer was first.
    Lost,
}

/// Writes a new order, driven by `owner`.
///
/// # Errors
/// [`Error::Conflict`] where there is one of this id.
pub fn insert(tx: &mut Tx<'_>, order: &Order, owner: Uuid) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO orders (order_id, customer_id, lines, currency, shipping_price, total, weight_grams, \
                       address, card_token, state, owner, created_at, updated_at, version, traceparent) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $11, $11, 1, $12) \
                       ON CONFLICT DO NOTHING";
    let values = params![
        order.id.uuid(),
        order.customer.as_str(),
        row::write_lines(&order.lines)?,
        order.total.currency().as_str(),
        order.shipping_price.minor_units(),
        order.total.minor_units(),
        order.weight_grams,
        row::write_address(&order.address)?,
        order.card.as_ref().map(|card| card.reveal()),
        owner,
        order.created.as_microsecond(),
        order.traceparent.as_str(),
    ];
    tx.send_one(SQL, &values)
}

const UPDATE: &str = "UPDATE orders SET state = $1, reason = $2, undo_from = $3, undo_to = $4, stuck_in = $5, \
                      card_token = $6, updated_at = $7, version = $8 WHERE order_id = $9 AND version = $8 - 1";

/// Writes an order's next state, guarded by the version before it. This one statement decides every race.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn update(tx: &mut Tx<'_>, order: &Order) -> Result<Guarded, Error> {
    let changed = tx.execute(UPDATE, &update_values(order))?;
    Ok(if changed == 1 { Guarded::Held } else { Guarded::Lost })
}

/// The same for a closure that read the order itself: where another writer was first, it runs again.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first each time.
pub fn update_again(tx: &mut Tx<'_>, order: &Order) -> Result<(), Error> {
    tx.send_one(UPDATE, &update_values(order))
}

fn update_values(order: &Order) -> [madang_db::Value; 9] {
    let [state, reason, from, to, stuck_in] = row::state_columns(&order.state);
    let [card, updated, version, id] = params![
        order.card.as_ref().map(|card| card.reveal()),
        order.updated.as_microsecond(),
        order.version,
        order.id.uuid(),
    ];
    [state, reason, from, to, stuck_in, card, updated, version, id]
}

/// Reads an order.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no order.
pub fn order(tx: &mut Tx<'_>, id: OrderId) -> Result<Option<Owned>, Error> {
    tx.query_opt(concat!(columns!(), " WHERE order_id = $1"), &params![id.uuid()])?
        .map(|row| row::read(&row))
        .transpose()
}

/// A customer's orders, newest first, after the one given.
///
/// # Errors
/// Those of [`order`].
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer: &CustomerId,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    const SQL: &str =
        concat!(columns!(), " WHERE customer_id = $1 AND order_id < $2 ORDER BY order_id DESC LIMIT $3");
    let before = after.map_or(Uuid::max(), OrderId::uuid);
    read_all(tx, SQL, &params![customer.as_str(), before, limit])
}

/// All orders by id, after the one given.
///
/// # Errors
/// Those of [`order`].
pub fn all(tx: &mut Tx<'_>, after: Option<OrderId>, limit: i64) -> Result<Vec<Order>, Error> {
    const SQL: &str = concat!(columns!(), " WHERE order_id > $1 ORDER BY order_id LIMIT $2");
    read_all(tx, SQL, &params![after.map_or(Uuid::nil(), OrderId::uuid), limit])
}

/// The open orders of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Their ids, oldest first.
    pub ids: Vec<OrderId>,
    /// Since when the one that has stood longest stands in its state.
    pub oldest: Option<Timestamp>,
}

/// The open orders that `owner` drives, at most `limit`.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn open(tx: &mut Tx<'_>, owner: Uuid, limit: i64) -> Result<Open, Error> {
    const SQL: &str = concat!(
        "SELECT order_id, updated_at FROM orders WHERE owner = $1 AND ",
        is_open!(),
        " ORDER BY order_id LIMIT $2"
    );
    let mut open = Open::default();
    let mut oldest = i64::MAX;
    for row in &tx.query(SQL, &params![owner, limit])? {
        open.ids.push(OrderId::new(row.get(0)?));
        oldest = oldest.min(row.get(1)?);
    }
    open.oldest = Timestamp::from_microsecond(oldest).ok().filter(|_| !open.ids.is_empty());
    Ok(open)
}

/// Orders that somebody waits for, `MANY` at most.
pub const MANY: usize = 32;

/// The versions of orders; those that are not there are left out.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn versions(tx: &mut Tx<'_>, ids: &[OrderId]) -> Result<Vec<(OrderId, i64)>, Error> {
    const SQL: &str = "SELECT order_id, version FROM orders WHERE order_id IN \
                       ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
                       $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(MANY) {
        // No order has the id nil.
        let mut values = [const { Uuid::nil() }; MANY];
        values.iter_mut().zip(some).for_each(|(value, id)| *value = id.uuid());
        let rows = tx.query(SQL, &values.map(Into::into))?;
        for row in &rows {
            found.push((OrderId::new(row.get(0)?), row.get(1)?));
        }
    }
    Ok(found)
}

/// How many orders wait for an operator.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn stuck(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let row = tx.query_opt("SELECT COUNT(*) FROM orders WHERE state = 'STUCK'", &[])?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// Makes `owner` the driver of all open orders; tells how many. A driver that had one loses its guarded updates.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn take_over_all(tx: &mut Tx<'_>, owner: Uuid) -> Result<u64, Error> {
    const SQL: &str =
        concat!("UPDATE orders SET owner = $1, version = version + 1 WHERE owner <> $1 AND ", is_open!());
    tx.execute(SQL, &params![owner])
}

/// Makes `owner` the driver of one order, in the transaction that moves it.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn take_over(tx: &mut Tx<'_>, id: OrderId, owner: Uuid) -> Result<(), Error> {
    tx.execute_one("UPDATE orders SET owner = $1 WHERE order_id = $2", &params![owner, id.uuid()])
}

fn read_all(tx: &mut Tx<'_>, sql: &'static str, params: &[madang_db::Value]) -> Result<Vec<Order>, Error> {
    tx.query(sql, params)?.iter().map(|row| row::read(row).map(|owned| owned.order)).collect()
}
