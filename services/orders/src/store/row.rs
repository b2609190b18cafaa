//! One row of `orders`, and its columns that hold more than one value.

use std::ops::Range;

use jiff::Timestamp;
use madang_db::{Error, Row, Value, params};
use madang_types::{Address, Currency, Money, OrderId, ProductId, Quantity};
use serde::Serialize;

use super::Owned;
use crate::domain::{CardToken, Line, Order, Reason, State, Way};

/// Reads a row in the order of `columns!`.
pub(super) fn read(row: &Row) -> Result<Owned, Error> {
    let currency = row.get::<String>(3)?.parse().map_err(|_| unreadable(3, "a currency"))?;
    let order = Order {
        id: OrderId::new(row.get(0)?),
        customer: row.get::<String>(1)?.parse().map_err(|_| unreadable(1, "a customer id"))?,
        lines: read_lines(&row.get::<String>(2)?, currency).ok_or_else(|| unreadable(2, "lines"))?,
        shipping_price: money(row, 4, currency)?,
        total: money(row, 5, currency)?,
        weight_grams: row.get(6)?,
        address: read_address(&row.get::<String>(7)?).ok_or_else(|| unreadable(7, "an address"))?,
        card: row.get::<Option<String>>(8)?.and_then(CardToken::new),
        state: read_state(row)?,
        created: time(row, 15)?,
        updated: time(row, 16)?,
        version: row.get(17)?,
        traceparent: row.get(18)?,
    };
    Ok(Owned { order, owner: row.get(14)? })
}

/// The columns state, reason, undo_from, undo_to, stuck_in.
pub(super) fn state_columns(state: &State) -> [Value; 5] {
    let undos = |steps: &Range<usize>| [step(steps.start), step(steps.end)];
    let reason = state.reason().map(Reason::as_str);
    let ([from, to], stuck_in) = match state {
        State::Undoing { steps, .. } => (undos(steps), None),
        State::Stuck { steps, way, .. } => (undos(steps), Some(way_name(*way))),
        State::Pending | State::Confirmed | State::Rejected(_) | State::Cancelled(_) => ([None, None], None),
    };
    params![state_name(state), reason, from, to, stuck_in]
}

fn state_name(state: &State) -> &'static str {
    match state {
        State::Pending => "PENDING",
        State::Confirmed => "CONFIRMED",
        State::Undoing { way, .. } => way_name(*way),
        State::Rejected(_) => "REJECTED",
        State::Cancelled(_) => "CANCELLED",
        State::Stuck { .. } => "STUCK",
    }
}

fn way_name(way: Way) -> &'static str {
    match way {
        Way::Rejecting => "REJECTING",
        Way::Cancelling => "CANCELLING",
    }
}

fn read_way(name: &str) -> Option<Way> {
    [Way::Rejecting, Way::Cancelling].into_iter().find(|way| way_name(*way) == name)
}

fn read_state(row: &Row) -> Result<State, Error> {
    let name = row.get::<String>(9)?;
    let reason = || row.get::<String>(10).map(Reason::new);
    let steps = || Ok::<_, Error>(read_step(row, 11)?..read_step(row, 12)?);
    Ok(match name.as_str() {
        "PENDING" => State::Pending,
        "CONFIRMED" => State::Confirmed,
        "REJECTED" => State::Rejected(reason()?),
        "CANCELLED" => State::Cancelled(reason()?),
        "STUCK" => {
            let way = read_way(&row.get::<String>(13)?).ok_or_else(|| unreadable(13, "a way back"))?;
            State::Stuck { way, reason: reason()?, steps: steps()? }
        }
        name => {
            let way = read_way(name).ok_or_else(|| unreadable(9, "the state of an order"))?;
            State::Undoing { way, reason: reason()?, steps: steps()? }
        }
    })
}

fn step(index: usize) -> Option<i64> {
    i64::try_from(index).ok()
}

fn read_step(row: &Row, index: usize) -> Result<usize, Error> {
    usize::try_from(row.get::<i64>(index)?).map_err(|_| unreadable(index, "a step"))
}

fn money(row: &Row, index: usize, currency: Currency) -> Result<Money, Error> {
    Money::new(row.get(index)?, currency).map_err(|_| unreadable(index, "an amount"))
}

fn time(row: &Row, index: usize) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(row.get(index)?).map_err(|_| unreadable(index, "a time"))
}

pub(super) fn write_lines(lines: &[Line]) -> Result<String, Error> {
    let lines =
        lines.iter().map(|line| (line.product.as_str(), line.quantity.get(), line.unit_price.minor_units()));
    written(&lines.collect::<Vec<_>>())
}

fn read_lines(text: &str, currency: Currency) -> Option<Vec<Line>> {
    let rows: Vec<(String, i64, i64)> = serde_json::from_str(text).ok()?;
    let line = |(product, pieces, price): (String, i64, i64)| {
        Some(Line {
            product: product.parse::<ProductId>().ok()?,
            quantity: Quantity::try_from(pieces).ok()?,
            unit_price: Money::new(price, currency).ok()?,
        })
    };
    rows.into_iter().map(line).collect()
}

/// An address as it is stored.
#[derive(Serialize)]
struct StoredAddress<'a> {
    lines: &'a [String],
    postal_code: &'a str,
    recipient: &'a str,
    region: &'a str,
}

pub(super) fn write_address(address: &Address) -> Result<String, Error> {
    written(&StoredAddress {
        lines: address.lines(),
        postal_code: address.postal_code(),
        recipient: address.recipient(),
        region: address.region().as_str(),
    })
}

fn written(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Sql(error.into()))
}

fn read_address(text: &str) -> Option<Address> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let lines = value.get("lines")?.as_array()?;
    let lines: Option<Vec<_>> = lines.iter().map(|line| line.as_str().map(str::to_owned)).collect();
    Address::new(&field("region")?, field("postal_code")?, field("recipient")?, lines?).ok()
}

fn unreadable(index: usize, expected: &'static str) -> Error {
    Error::Row { index, expected, found: "something else" }
}
