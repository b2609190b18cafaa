//! Shipments in SQL, over one interface for both databases. Rows are private; domain words go in and out.

use jiff::Timestamp;
use madang_db::{Dialect, Error, FromValue, Row, Tx, Value, params};
use madang_types::{Address, Grams, OrderId};
use serde::{Deserialize, Serialize};

use crate::domain::{Booking, Parcel, Refusal, Shipment, State};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "shipping_schema_history", runner: embedded::migrations::runner() }
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

/// Reads the shipment of an order.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no shipment.
pub fn shipment(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Shipment>, Error> {
    const SQL: &str = "SELECT state, customer_id, weight_grams, address, tracking_number, arranged_at, departed_at, ended_at, \
                       refusal, version FROM shipments WHERE order_id = $1";
    Ok(read(tx, SQL, order)?.map(|found| found.value))
}

/// Reads the shipment of an order to change it: the row stays locked.
///
/// # Errors
/// Those of [`shipment`].
pub fn shipment_to_change(tx: &mut Tx<'_>, order: OrderId) -> Result<Option<Versioned<Shipment>>, Error> {
    const SQLITE: &str = "SELECT state, customer_id, weight_grams, address, tracking_number, arranged_at, departed_at, \
                          ended_at, refusal, version FROM shipments WHERE order_id = $1";
    const POSTGRES: &str = "SELECT state, customer_id, weight_grams, address, tracking_number, arranged_at, departed_at, \
                            ended_at, refusal, version FROM shipments WHERE order_id = $1 FOR UPDATE";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    read(tx, sql, order)
}

/// Writes an order's first shipment, refusal or tombstone.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn insert(tx: &mut Tx<'_>, shipment: &Shipment) -> Result<(), Error> {
    tx.send_one(INSERT, &insert_values(shipment)?)
}

/// The same where there may be one, which then stays: tells whether this is the first. It looks and writes in one.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn insert_first(tx: &mut Tx<'_>, shipment: &Shipment) -> Result<bool, Error> {
    Ok(tx.execute(INSERT, &insert_values(shipment)?)? == 1)
}

const INSERT: &str = "INSERT INTO shipments (order_id, state, departed_at, ended_at, customer_id, weight_grams, address, \
                      tracking_number, arranged_at, refusal, version) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) ON CONFLICT DO NOTHING";

fn insert_values(shipment: &Shipment) -> Result<Vec<Value>, Error> {
    let booking = shipment.booking();
    let parcel = shipment.parcel();
    let mut values = state_columns(shipment).to_vec();
    values.extend(params![
        booking.map(|booking| booking.customer.as_str()),
        booking.map(|booking| booking.weight.get()),
        booking.map(|booking| write_address(&booking.address)).transpose()?,
        parcel.map(|parcel| parcel.tracking_number.as_str()),
        parcel.map(|parcel| parcel.arranged.as_microsecond()),
        refusal(shipment),
    ]);
    Ok(values)
}

/// Writes the state of a changed shipment; what was booked never changes.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn update(tx: &mut Tx<'_>, shipment: &Versioned<Shipment>) -> Result<(), Error> {
    const SQL: &str = "UPDATE shipments SET state = $2, departed_at = $3, ended_at = $4, version = version + 1 \
                       WHERE order_id = $1 AND version = $5";
    let [order, state, departed, ended] = state_columns(&shipment.value);
    tx.send_one(SQL, &[order, state, departed, ended, shipment.version.into()])
}

/// The values of order_id, state, departed_at and ended_at.
fn state_columns(shipment: &Shipment) -> [Value; 4] {
    let (state, departed, ended) = match &shipment.state {
        State::Arranged { .. } => ("ARRANGED", None, None),
        State::Departed { at, .. } => ("DEPARTED", Some(at), None),
        State::Cancelled { at, .. } => ("CANCELLED", None, Some(at)),
        State::Refused { at, .. } => ("REFUSED", None, Some(at)),
    };
    let micros = |time: Option<&Timestamp>| time.map(|time| time.as_microsecond());
    params![shipment.order.uuid(), state, micros(departed), micros(ended)]
}

fn refusal(shipment: &Shipment) -> Option<&'static str> {
    match &shipment.state {
        State::Refused { refusal: Refusal::RegionNotServed, .. } => Some("REGION_NOT_SERVED"),
        State::Refused { refusal: Refusal::TooHeavy, .. } => Some("PARCEL_TOO_HEAVY"),
        State::Arranged { .. } | State::Departed { .. } | State::Cancelled { .. } => None,
    }
}

fn read(tx: &mut Tx<'_>, sql: &'static str, order: OrderId) -> Result<Option<Versioned<Shipment>>, Error> {
    tx.query_opt(sql, &params![order.uuid()])?.map(|row| read_row(order, &row)).transpose()
}

fn read_row(order: OrderId, row: &Row) -> Result<Versioned<Shipment>, Error> {
    let state = match row.get::<String>(0)?.as_str() {
        "ARRANGED" => State::Arranged { parcel: parcel(row)? },
        "DEPARTED" => State::Departed { parcel: parcel(row)?, at: time(row, 6)? },
        "CANCELLED" => {
            let booked = row.get::<Option<String>>(4)?.is_some();
            State::Cancelled { parcel: booked.then(|| parcel(row)).transpose()?, at: time(row, 7)? }
        }
        "REFUSED" => {
            let refusal = match row.get::<String>(8)?.as_str() {
                "REGION_NOT_SERVED" => Refusal::RegionNotServed,
                "PARCEL_TOO_HEAVY" => Refusal::TooHeavy,
                _ => return Err(unreadable(8, "a refusal")),
            };
            State::Refused { booking: booking(row)?, refusal, at: time(row, 7)? }
        }
        _ => return Err(unreadable(0, "the state of a shipment")),
    };
    Ok(Versioned { value: Shipment { order, state }, version: row.get(9)? })
}

fn parcel(row: &Row) -> Result<Parcel, Error> {
    let tracking_number = column(row, 4, "a tracking number", |text: String| text.parse().ok())?;
    Ok(Parcel { booking: booking(row)?, tracking_number, arranged: time(row, 5)? })
}

fn booking(row: &Row) -> Result<Booking, Error> {
    Ok(Booking {
        customer: column(row, 1, "a customer id", |text: String| text.parse().ok())?,
        weight: column(row, 2, "a weight in grams", |grams: i64| Grams::try_from(grams).ok())?,
        address: column(row, 3, "an address", |text: String| read_address(&text))?,
    })
}

fn time(row: &Row, index: usize) -> Result<Timestamp, Error> {
    column(row, index, "microseconds since 1970", |micros| Timestamp::from_microsecond(micros).ok())
}

/// A column that holds a word of the domain.
fn column<C: FromValue, T>(
    row: &Row,
    index: usize,
    expected: &'static str,
    read: impl FnOnce(C) -> Option<T>,
) -> Result<T, Error> {
    read(row.get(index)?).ok_or_else(|| unreadable(index, expected))
}

/// An address as it is stored, with the names of proto/.
#[derive(Serialize, Deserialize)]
struct StoredAddress {
    region_code: String,
    postal_code: String,
    recipient: String,
    address_lines: Vec<String>,
}

fn write_address(address: &Address) -> Result<String, Error> {
    let stored = StoredAddress {
        region_code: address.region().to_string(),
        postal_code: address.postal_code().to_owned(),
        recipient: address.recipient().to_owned(),
        address_lines: address.lines().to_vec(),
    };
    serde_json::to_string(&stored).map_err(|error| Error::Sql(error.into()))
}

fn read_address(text: &str) -> Option<Address> {
    let StoredAddress { region_code, postal_code, recipient, address_lines } =
        serde_json::from_str(text).ok()?;
    Address::new(&region_code, postal_code, recipient, address_lines).ok()
}

fn unreadable(index: usize, expected: &'static str) -> Error {
    Error::Row { index, expected, found: "something else" }
}
