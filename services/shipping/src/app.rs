//! One function for each use case: looks up the repeat, applies the rules, writes, all in one transaction.

mod track;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_api::events::v1::ShipmentDeparted;
use madang_chassis::Platform;
use madang_db::{Db, Kind, Tx};
use madang_events::{Event, NewEvent};
use madang_types::{Clock, Grams, Ids, Money, MoneyError, OrderId, RegionCode};
use uuid::Uuid;

pub use track::Tracker;

use crate::domain::{Booking, Change, Refusal, Shipment, State, Step, TrackingNumber, Zone};
use crate::store;

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such parcel is sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The shipment was cancelled before it was made, or since.
    #[error("the shipment was cancelled")]
    StepUndone,
    /// The parcel left and cannot be cancelled.
    #[error("the parcel has departed")]
    Departed,
    /// The order has no shipment.
    #[error("the order has no shipment")]
    NotFound,
    /// The same order came with another address or weight.
    #[error("the order was booked with another address or weight")]
    Reused,
    /// The tariff gives no price: a defect.
    #[error("the tariff gives no price")]
    Tariff(#[from] MoneyError),
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] madang_db::Error),
}

/// The use cases of shipping.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    transit_time: SignedDuration,
}

impl App {
    /// Over a database, with the platform's clock and ids; a parcel travels for `transit_time`.
    pub fn new(db: Db, platform: &Platform, transit_time: Duration) -> Self {
        let transit_time = SignedDuration::try_from(transit_time).unwrap_or(SignedDuration::MAX);
        Self { db, clock: Arc::clone(&platform.clock), ids: Arc::clone(&platform.ids), transit_time }
    }

    /// Prices a parcel, in USD.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn quote(&self, region: RegionCode, weight: Grams) -> Result<(Zone, Money), Error> {
        let zone = Zone::of(region, weight)?;
        Ok((zone, zone.price(weight)?))
    }

    /// Books a parcel for an order.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::StepUndone`], [`Error::Reused`], [`Error::Db`].
    pub async fn arrange(&self, order: OrderId, booking: Booking) -> Result<Shipment, Error> {
        let first = Shipment::arrange(order, booking, TrackingNumber::new(self.ids.uuid()), self.now());
        // A refusal is committed like a booking, so that a repeat meets it; only then is it told.
        let shipment = self.db.write(Kind::OrderPath, move |tx| arrange(tx, &first)).await?;
        match shipment.state {
            State::Arranged { .. } | State::Departed { .. } => Ok(shipment),
            State::Cancelled { .. } => Err(Error::StepUndone),
            State::Refused { refusal, .. } => Err(refusal.into()),
        }
    }

    /// Cancels a parcel that has not departed, or leaves a tombstone.
    ///
    /// # Errors
    /// [`Error::Departed`], [`Error::Db`].
    pub async fn cancel(&self, order: OrderId) -> Result<Shipment, Error> {
        let now = self.now();
        self.db.write(Kind::FollowUp, move |tx| cancel(tx, order, now)).await
    }

    /// Reads the shipment of an order.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Db`].
    pub async fn shipment(&self, order: OrderId) -> Result<Shipment, Error> {
        self.db.read(move |tx| store::shipment(tx, order)?.ok_or(Error::NotFound)).await
    }

    /// The steps of a parcel so far, oldest first.
    pub fn steps(&self, shipment: &Shipment) -> Vec<Step> {
        let now = self.clock.now();
        let mut steps = shipment.steps(self.transit_time);
        steps.retain(|step| step.has_happened(now));
        steps
    }

    /// Follows the parcel of an order.
    ///
    /// # Errors
    /// Those of [`App::shipment`].
    pub async fn track(&self, order: OrderId) -> Result<Tracker, Error> {
        Tracker::start(self.clone(), order).await
    }

    /// The time now, to the microsecond, which is what the database keeps.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// The order's payment was captured: its parcel leaves, and that is published.
///
/// # Errors
/// [`Error::NotFound`] where no parcel was ever booked: a defect. [`Error::Db`].
pub fn depart(tx: &mut Tx<'_>, order: OrderId, captured: &Event) -> Result<Change, Error> {
    let found = store::shipment_to_change(tx, order)?.ok_or(Error::NotFound)?;
    let (next, change) = found.value.clone().depart(captured.occur_time).ok_or(Error::NotFound)?;
    if let (State::Departed { parcel, at }, Change::Applied) = (&next.state, change) {
        let departed = ShipmentDeparted {
            order_id: order.to_string(),
            tracking_number: parcel.tracking_number.to_string(),
            customer_id: parcel.booking.customer.to_string(),
        };
        let event = NewEvent::new(id_of_effect(captured.id, *at), order.to_string(), *at, &departed);
        store::update(tx, &found.with(next))?;
        madang_events::publish(tx, &event.caused_by(&captured.traceparent))?;
    }
    Ok(change)
}

/// The id of the event that another event causes, a UUID that grows with time. It follows from the cause alone, because a
/// handler that runs again must publish the same.
fn id_of_effect(cause: Uuid, at: Timestamp) -> Uuid {
    let mut random = [0; 10];
    // Turned over, so that the two events never share an id.
    random.iter_mut().zip(&cause.as_bytes()[6..]).for_each(|(effect, cause)| *effect = !cause);
    uuid::Builder::from_unix_timestamp_millis(at.as_millisecond().unsigned_abs(), &random).into_uuid()
}

fn arrange(tx: &mut Tx<'_>, first: &Shipment) -> Result<Shipment, Error> {
    // Looks by writing: but for a repeat there is none.
    if store::insert_first(tx, first)? {
        return Ok(first.clone());
    }
    let found = store::shipment_to_change(tx, first.order)?.ok_or(madang_db::Error::Conflict)?;
    if found.value.agrees(first) { Ok(found.value) } else { Err(Error::Reused) }
}

fn cancel(tx: &mut Tx<'_>, order: OrderId, now: Timestamp) -> Result<Shipment, Error> {
    let Some(found) = store::shipment_to_change(tx, order)? else {
        let tombstone = Shipment::tombstone(order, now);
        store::insert(tx, &tombstone)?;
        return Ok(tombstone);
    };
    let (next, change) = found.value.clone().cancel(now).ok_or(Error::Departed)?;
    if change == Change::Applied {
        store::update(tx, &found.with(next.clone()))?;
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_effect_follows_from_its_cause_and_is_another() {
        let (at, cause) = (Timestamp::from_second(1_767_225_600).unwrap(), Uuid::from_u128(7));
        let id = id_of_effect(cause, at);
        assert_eq!(id, id_of_effect(cause, at));
        assert_ne!(id, id_of_effect(Uuid::from_u128(8), at));
        let early = id_of_effect(cause, at - SignedDuration::from_secs(1));
        assert!(early < id && id.get_version_num() == 7);
        assert_ne!(id_of_effect(id, at), id, "an id made at the same moment is another as well");
    }
}
