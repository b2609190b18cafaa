//! Messages of proto/ and words of the domain, one into the other.

use jiff::Timestamp;
use madang_api::Violations;
use madang_api::convert::{moment, proto_lines, timestamp};
use madang_api::inventory::v1;

use crate::domain::{Reservation, State, Stock};

impl From<Stock> for v1::Stock {
    fn from(stock: Stock) -> Self {
        Self {
            product_id: stock.product().to_string(),
            received: stock.received(),
            available: stock.available(),
            reserved: stock.reserved(),
            sold: stock.sold(),
        }
    }
}

impl From<Reservation> for v1::Reservation {
    fn from(reservation: Reservation) -> Self {
        let expire_time = match reservation.state {
            State::Reserved { expires, .. } => expires.map(timestamp),
            State::Sold { .. } | State::Released { .. } | State::Refused { .. } => None,
        };
        Self {
            order_id: reservation.order.to_string(),
            lines: reservation.lines().map(|lines| proto_lines(lines.as_slice())).unwrap_or_default(),
            state: state(&reservation.state).into(),
            expire_time,
        }
    }
}

/// A refused reservation holds nothing, like a released one.
fn state(state: &State) -> v1::ReservationState {
    match state {
        State::Reserved { .. } => v1::ReservationState::Reserved,
        State::Sold { .. } => v1::ReservationState::Sold,
        State::Released { .. } | State::Refused { .. } => v1::ReservationState::Released,
    }
}

/// Reads the optional end of a reservation: an outer none is a violation.
pub(super) fn expire_time(
    violations: &mut Violations,
    time: Option<prost_types::Timestamp>,
) -> Option<Option<Timestamp>> {
    match time {
        None => Some(None),
        Some(time) => violations.check("expire_time", moment(time).ok_or("is no time")).map(Some),
    }
}
