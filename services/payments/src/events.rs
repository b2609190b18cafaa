//! What payments does when orders are confirmed or cancelled.

use madang_api::events::v1::{OrderCancelled, OrderConfirmed};
use madang_db::Tx;
use madang_events::{Event, Failure, Handler, Outcome};
use madang_types::OrderId;

use crate::app::{self, Cause, Error};
use crate::domain::{Change, Refusal};

/// A confirmed order's money could not be captured; an operator has to see to it.
const PAYMENT_OUTSTANDING: &str = "PAYMENT_OUTSTANDING";

/// Applies the events of orders. What it changes happened when the event did, so that applying it again gives the same.
#[derive(Debug, Clone, Copy)]
pub struct OrderEvents;

impl Handler for OrderEvents {
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
        let change = if event.is::<OrderConfirmed>() {
            app::capture(tx, order(event)?, &cause(event)).map(|(_, change)| change)
        } else if event.is::<OrderCancelled>() {
            app::cancel(tx, order(event)?, event.occur_time)
        } else {
            return Ok(Outcome::Ignored);
        };
        match change {
            Ok(Change::Applied(_)) => Ok(Outcome::Applied),
            Ok(Change::AlreadyApplied) => Ok(Outcome::AlreadyApplied),
            Err(error) => Err(failure(error)),
        }
    }

    /// Whatever kept a confirmed order from being captured: its parcel waits, and someone has to be told.
    fn dead_lettered(&self, tx: &mut Tx<'_>, event: &Event, _: &Failure) -> Result<(), madang_db::Error> {
        let (Ok(order), Ok(confirmed)) = (order(event), event.decode::<OrderConfirmed>()) else {
            return Ok(());
        };
        app::outstanding(tx, order, confirmed.customer_id, &cause(event))
    }
}

/// The key of every event about an order is the order's id.
fn order(event: &Event) -> Result<OrderId, Failure> {
    event.key.parse().map_err(|error| Failure::Permanent {
        reason: "EVENT_UNREADABLE",
        detail: format!("the key is no order: {error}"),
    })
}

fn cause(event: &Event) -> Cause {
    Cause { at: event.occur_time, traceparent: event.traceparent.clone() }
}

fn failure(error: Error) -> Failure {
    let detail = error.to_string();
    let reason = match error {
        Error::Db(error) => return Failure::Db(error),
        Error::NotFound | Error::Refused(Refusal::NotAuthorized) => PAYMENT_OUTSTANDING,
        Error::Refused(
            Refusal::Captured
            | Refusal::NotCaptured
            | Refusal::ExceedsCapture
            | Refusal::NotFound
            | Refusal::OtherCurrency,
        ) => "PAYMENT_INCONSISTENT",
        Error::Declined(_) | Error::StepUndone | Error::Reused | Error::AnswerLost => "UNEXPECTED",
    };
    Failure::Permanent { reason, detail }
}
