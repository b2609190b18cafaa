//! Stock and reservations in SQL, over one interface for both databases. Rows are private; domain words go in and out.

use jiff::Timestamp;
use madang_db::{Dialect, Error, Row, Tx, params};
use madang_types::{OrderId, ProductId, Quantity};

use crate::domain::{Lines, Reservation, State, Stock};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "inventory_schema_history", runner: embedded::migrations::runner() }
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
    pub fn with(&self, value: T) -> Self {
        Self { value, version: self.version }
    }
}

const STOCK: &str = "SELECT product_id, available, reserved, sold, version FROM stock WHERE product_id = $1";

/// Reads the stock of a product.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no stock.
pub fn stock(tx: &mut Tx<'_>, product: &ProductId) -> Result<Option<Stock>, Error> {
    let row = tx.query_opt(STOCK, &params![product.as_str()])?;
    row.as_ref().map(read_stock).transpose().map(|stock| stock.map(|stock| stock.value))
}

/// Reads the stock of a product to change it. Call it in the order of product ids: the row stays locked.
///
/// # Errors
/// Those of [`stock`].
pub fn stock_to_change(tx: &mut Tx<'_>, product: &ProductId) -> Result<Option<Versioned<Stock>>, Error> {
    const POSTGRES: &str =
        "SELECT product_id, available, reserved, sold, version FROM stock WHERE product_id = $1 FOR UPDATE";
    let sql = match tx.dialect() {
        Dialect::Sqlite => STOCK,
        Dialect::Postgres => POSTGRES,
    };
    tx.query_opt(sql, &params![product.as_str()])?.as_ref().map(read_stock).transpose()
}

/// Writes changed stock.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn update_stock(tx: &mut Tx<'_>, stock: &Versioned<Stock>) -> Result<(), Error> {
    const SQL: &str = "UPDATE stock SET received = $1, available = $2, reserved = $3, sold = $4, version = version + 1 \
                       WHERE product_id = $5 AND version = $6";
    let Versioned { value, version } = stock;
    let numbers = [value.received(), value.available(), value.reserved(), value.sold()];
    let [received, available, reserved, sold] = numbers;
    tx.send_one(SQL, &params![received, available, reserved, sold, value.product().as_str(), *version])
}

/// Writes the stock of a product that had none.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn insert_stock(tx: &mut Tx<'_>, stock: &Stock) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO stock (product_id, received, available, reserved, sold, version) \
                       VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING";
    let numbers = [stock.received(), stock.available(), stock.reserved(), stock.sold()];
    let [received, available, reserved, sold] = numbers;
    tx.send_one(SQL, &params![stock.product().as_str(), received, available, reserved, sold])
}

/// Whether there is any stock at all; a new database has none.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn is_empty(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(tx.query_opt("SELECT version FROM stock LIMIT 1", &[])?.is_none())
}

/// Reads the reservation of an order.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no reservation.
pub fn reservation(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Versioned<Reservation>>, Error> {
    const SQLITE: &str =
        "SELECT state, lines, short, expires_at, version FROM reservations WHERE order_id = $1";
    const POSTGRES: &str =
        "SELECT state, lines, short, expires_at, version FROM reservations WHERE order_id = $1 FOR UPDATE";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    tx.query_opt(sql, &params![order.uuid()])?.map(|row| read_reservation(order, &row)).transpose()
}

/// Writes an order's first reservation, refusal or tombstone.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn insert_reservation(tx: &mut Tx<'_>, reservation: &Reservation) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO reservations (state, lines, short, expires_at, order_id, version) \
                       VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING";
    let [state, lines, short, expires] = columns(&reservation.state)?;
    tx.send_one(SQL, &[state, lines, short, expires, reservation.order.uuid().into()])
}

/// Writes a changed reservation.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn update_reservation(tx: &mut Tx<'_>, reservation: &Versioned<Reservation>) -> Result<(), Error> {
    const SQL: &str = "UPDATE reservations SET state = $1, lines = $2, short = $3, expires_at = $4, version = version + 1 \
                       WHERE order_id = $5 AND version = $6";
    let [state, lines, short, expires] = columns(&reservation.value.state)?;
    let [order, version] = params![reservation.value.order.uuid(), reservation.version];
    tx.send_one(SQL, &[state, lines, short, expires, order, version])
}

/// Orders whose reservation's time is over, at most `limit`.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<Vec<OrderId>, Error> {
    const SQL: &str = "SELECT order_id FROM reservations WHERE state = 'RESERVED' AND expires_at IS NOT NULL \
                       AND expires_at <= $1 ORDER BY expires_at LIMIT $2";
    let rows = tx.query(SQL, &params![now.as_microsecond(), limit])?;
    rows.iter().map(|row| row.get(0).map(OrderId::new)).collect()
}

fn read_stock(row: &Row) -> Result<Versioned<Stock>, Error> {
    let product = row.get::<String>(0)?.parse().map_err(|_| unreadable(0, "a product id"))?;
    let numbers = [row.get(1)?, row.get(2)?, row.get(3)?];
    let value = Stock::restore(product, numbers).ok_or_else(|| unreadable(1, "pieces of zero or more"))?;
    Ok(Versioned { value, version: row.get(4)? })
}

fn read_reservation(order: OrderId, row: &Row) -> Result<Versioned<Reservation>, Error> {
    let lines = row.get::<Option<String>>(1)?.map(|text| read_lines(&text)).transpose()?;
    let needed = |lines: Option<Lines>| lines.ok_or_else(|| unreadable(1, "lines"));
    let state = match row.get::<String>(0)?.as_str() {
        "RESERVED" => {
            let expires = row.get::<Option<i64>>(3)?.map(Timestamp::from_microsecond).transpose();
            State::Reserved { lines: needed(lines)?, expires: expires.map_err(|_| unreadable(3, "a time"))? }
        }
        "SOLD" => State::Sold { lines: needed(lines)? },
        "RELEASED" => State::Released { lines },
        "REFUSED" => State::Refused { lines: needed(lines)?, short: read_short(&row.get::<String>(2)?)? },
        _ => return Err(unreadable(0, "the state of a reservation")),
    };
    Ok(Versioned { value: Reservation { order, state }, version: row.get(4)? })
}

fn columns(state: &State) -> Result<[madang_db::Value; 4], Error> {
    let none = None::<String>;
    Ok(match state {
        State::Reserved { lines, expires } => {
            params!["RESERVED", write_lines(lines)?, none, expires.map(Timestamp::as_microsecond)]
        }
        State::Sold { lines } => params!["SOLD", write_lines(lines)?, none, None::<i64>],
        State::Released { lines } => {
            params!["RELEASED", lines.as_ref().map(write_lines).transpose()?, none, None::<i64>]
        }
        State::Refused { lines, short } => {
            let short = serde_json::Value::from_iter(short.iter().map(ProductId::as_str));
            params!["REFUSED", write_lines(lines)?, short.to_string(), None::<i64>]
        }
    })
}

fn write_lines(lines: &Lines) -> Result<String, Error> {
    let pairs = lines.as_slice().iter().map(|(product, quantity)| (product.as_str(), quantity.get()));
    serde_json::to_string(&pairs.collect::<Vec<_>>()).map_err(|error| Error::Sql(error.into()))
}

fn read_lines(text: &str) -> Result<Lines, Error> {
    let pairs: Vec<(String, i64)> = serde_json::from_str(text).map_err(|_| unreadable(1, "lines"))?;
    let line = |(product, pieces): (String, i64)| {
        Some((product.parse::<ProductId>().ok()?, Quantity::try_from(pieces).ok()?))
    };
    let lines: Option<Vec<_>> = pairs.into_iter().map(line).collect();
    lines.map(Lines::new).ok_or_else(|| unreadable(1, "lines"))
}

fn read_short(text: &str) -> Result<Vec<ProductId>, Error> {
    let ids: Vec<String> = serde_json::from_str(text).map_err(|_| unreadable(2, "product ids"))?;
    let ids: Result<Vec<_>, _> = ids.iter().map(|id| id.parse()).collect();
    ids.map_err(|_| unreadable(2, "product ids"))
}

fn unreadable(index: usize, expected: &'static str) -> Error {
    Error::Row { index, expected, found: "something else" }
}
