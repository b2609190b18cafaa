//! What inventory does when orders are confirmed or cancelled.

use madang_api::events::v1::{OrderCancelled, OrderConfirmed};
use madang_db::Tx;
use madang_events::{Event, Failure, Handler, Outcome};
use madang_types::OrderId;

use crate::app::{self, Error};
use crate::domain::Change;

/// Applies the events of orders.
#[derive(Debug, Clone, Copy)]
pub struct OrderEvents;

impl Handler for OrderEvents {
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
        let change = if event.is::<OrderConfirmed>() {
            app::sell(tx, order(event)?)
        } else if event.is::<OrderCancelled>() {
            app::cancel(tx, order(event)?)
        } else {
            return Ok(Outcome::Ignored);
        };
        match change {
            Ok(Change::Applied) => Ok(Outcome::Applied),
            Ok(Change::AlreadyApplied) => Ok(Outcome::AlreadyApplied),
            Err(error) => Err(failure(error)),
        }
    }
}

/// The key of every event about an order is the order's id.
fn order(event: &Event) -> Result<OrderId, Failure> {
    let no_order = |error| Failure::Permanent {
        reason: "EVENT_UNREADABLE",
        detail: format!("the key is no order: {error}"),
    };
    event.key.parse().map_err(no_order)
}

fn failure(error: Error) -> Failure {
    let detail = error.to_string();
    let reason = match error {
        Error::Db(error) => return Failure::Db(error),
        Error::Unreserved => "RESERVATION_NOT_FOUND",
        Error::UnknownProduct(_) | Error::Inconsistent(_) => "STOCK_INCONSISTENT",
        Error::OutOfStock(_) | Error::StepUndone | Error::Sold | Error::Reused | Error::TooMany(_) => {
            "UNEXPECTED"
        }
    };
    Failure::Permanent { reason, detail }
}
