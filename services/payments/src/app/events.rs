use jiff::Timestamp;
use madang_api::events::v1::{PaymentCaptured, PaymentOutstanding};
use madang_db::Tx;
use madang_events::{NewEvent, publish};
use madang_types::OrderId;
use prost::{Message, Name};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Error, write_change};
use crate::domain::{Change, Payment};
use crate::store;

/// What made something happen, made outside of the transaction.
#[derive(Debug, Clone)]
pub struct Cause {
    /// When.
    pub at: Timestamp,
    /// In which trace; may be empty.
    pub traceparent: String,
}

/// Takes the held amount and publishes PaymentCaptured.
///
/// # Errors
/// [`Error::NotFound`], [`Refusal::NotAuthorized`](crate::domain::Refusal::NotAuthorized), [`Error::Db`].
pub fn capture(tx: &mut Tx<'_>, order: OrderId, cause: &Cause) -> Result<(Payment, Change), Error> {
    let found = store::payment_to_change(tx, order)?.ok_or(Error::NotFound)?;
    let changed = found.value.clone().capture(cause.at)?;
    let (payment, change) = write_change(tx, &found, changed)?;
    if let Change::Applied(movement) = change {
        let amount = Some(movement.amount.into());
        publish_about(tx, order, cause, &PaymentCaptured { order_id: order.to_string(), amount })?;
    }
    Ok((payment, change))
}

/// The order was cancelled: what is held is let go, what was captured goes back. An order without a payment gets a tombstone,
/// so that an authorization that is still on its way is refused.
///
/// # Errors
/// [`Error::Db`].
pub fn cancel(tx: &mut Tx<'_>, order: OrderId, at: Timestamp) -> Result<Change, Error> {
    let Some(found) = store::payment_to_change(tx, order)? else {
        store::insert(tx, &Payment::tombstone(order, at), None)?;
        return Ok(Change::AlreadyApplied);
    };
    let changed = found.value.clone().cancel(at)?;
    write_change(tx, &found, changed).map(|(_, change)| change)
}

/// The money of a confirmed order cannot be captured: publishes PaymentOutstanding.
///
/// # Errors
/// Those of the database.
pub fn outstanding(
    tx: &mut Tx<'_>,
    order: OrderId,
    customer_id: String,
    cause: &Cause,
) -> Result<(), madang_db::Error> {
    let payload = PaymentOutstanding { order_id: order.to_string(), customer_id };
    publish_about(tx, order, cause, &payload)
}

/// Publishes a fact that happens once to an order at most. Its id follows from the fact, since an event's handler has no
/// other source of ids that gives the same when it runs again.
fn publish_about<M: Message + Name>(
    tx: &mut Tx<'_>,
    order: OrderId,
    cause: &Cause,
    payload: &M,
) -> Result<(), madang_db::Error> {
    let digest = Sha256::new().chain_update(M::full_name()).chain_update(order.uuid()).finalize();
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    let millis = cause.at.as_millisecond().unsigned_abs();
    let id: Uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let event = NewEvent::new(id, order.to_string(), cause.at, payload).caused_by(&cause.traceparent);
    publish(tx, &event)
}
