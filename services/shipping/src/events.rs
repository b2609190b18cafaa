//! What shipping does when money is captured.

use madang_api::events::v1::PaymentCaptured;
use madang_db::Tx;
use madang_events::{Event, Failure, Handler, Outcome};
use madang_types::OrderId;

use crate::app::{self, Error};
use crate::domain::Change;

/// Applies the events of payments.
#[derive(Debug, Clone, Copy)]
pub struct PaymentEvents;

impl Handler for PaymentEvents {
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
        if !event.is::<PaymentCaptured>() {
            return Ok(Outcome::Ignored);
        }
        match app::depart(tx, order(event)?, event) {
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
    match error {
        Error::Db(error) => Failure::Db(error),
        Error::NotFound => Failure::Permanent { reason: "SHIPMENT_NOT_FOUND", detail },
        Error::Refused(_) | Error::StepUndone | Error::Departed | Error::Reused | Error::Tariff(_) => {
            Failure::Permanent { reason: "UNEXPECTED", detail }
        }
    }
}
