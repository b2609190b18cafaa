use jiff::{SignedDuration, Timestamp};
use madang_types::{Address, CustomerId, Grams, OrderId};

use super::tracking::way;
use super::{Change, Refusal, Step, StepKind, TrackingNumber, Zone};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Who gets it, for the events about it.
    pub customer: CustomerId,
    /// Where it goes.
    pub address: Address,
    /// What it weighs.
    pub weight: Grams,
}

/// A parcel that was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What was asked for.
    pub booking: Booking,
    /// The carrier's number.
    pub tracking_number: TrackingNumber,
    /// When it was booked.
    pub arranged: Timestamp,
}

/// Where a shipment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Booked; waits for the payment's capture.
    Arranged {
        /// What will be sent.
        parcel: Parcel,
    },
    /// It left the shop.
    Departed {
        /// What was sent.
        parcel: Parcel,
        /// When.
        at: Timestamp,
    },
    /// It will never leave. Without a parcel it is a tombstone: the undo came before the step.
    Cancelled {
        /// What was booked before.
        parcel: Option<Parcel>,
        /// When.
        at: Timestamp,
    },
    /// It was never booked. Kept, so that a repeat gets the same answer.
    Refused {
        /// What was asked for.
        booking: Booking,
        /// Why not.
        refusal: Refusal,
        /// When.
        at: Timestamp,
    },
}

/// The parcel of one order. All arcs:
///
/// ```text
/// (none) -arrange-> Arranged | Refused        Arranged -cancel-> Cancelled
/// (none) -cancel-> Cancelled (a tombstone)    Arranged -depart-> Departed
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
}

impl Shipment {
    /// Books a parcel, or refuses to.
    pub fn arrange(order: OrderId, booking: Booking, tracking_number: TrackingNumber, at: Timestamp) -> Self {
        let state = match Zone::of(booking.address.region(), booking.weight) {
            Ok(_) => State::Arranged { parcel: Parcel { booking, tracking_number, arranged: at } },
            Err(refusal) => State::Refused { booking, refusal, at },
        };
        Self { order, state }
    }

    /// What is left where the undo comes before the step.
    pub fn tombstone(order: OrderId, at: Timestamp) -> Self {
        Self { order, state: State::Cancelled { parcel: None, at } }
    }

    /// What was asked for; a tombstone was not.
    pub fn booking(&self) -> Option<&Booking> {
        match &self.state {
            State::Refused { booking, .. } => Some(booking),
            State::Arranged { .. } | State::Departed { .. } | State::Cancelled { .. } => {
                self.parcel().map(|parcel| &parcel.booking)
            }
        }
    }

    /// Whether both were asked for with the same address and weight. Nothing was asked for a tombstone, so it agrees with all.
    pub fn agrees(&self, other: &Self) -> bool {
        let both = self.booking().zip(other.booking());
        both.is_none_or(|(one, other)| (&one.address, one.weight) == (&other.address, other.weight))
    }

    /// The parcel; none where it was never booked.
    pub fn parcel(&self) -> Option<&Parcel> {
        match &self.state {
            State::Arranged { parcel } | State::Departed { parcel, .. } => Some(parcel),
            State::Cancelled { parcel, .. } => parcel.as_ref(),
            State::Refused { .. } => None,
        }
    }

    /// Undoes the step, not before it was made. A departed parcel cannot come back, and gives none.
    pub fn cancel(self, at: Timestamp) -> Option<(Self, Change)> {
        match self.state {
            State::Arranged { parcel } => {
                let at = at.max(parcel.arranged);
                let state = State::Cancelled { parcel: Some(parcel), at };
                Some((Self { order: self.order, state }, Change::Applied))
            }
            State::Cancelled { .. } | State::Refused { .. } => Some((self, Change::AlreadyApplied)),
            State::Departed { .. } => None,
        }
    }

    /// The payment was captured at this time: the parcel leaves, not before it was booked. One that was cancelled meanwhile
    /// stays; one that was refused can never leave, and gives none.
    pub fn depart(self, captured: Timestamp) -> Option<(Self, Change)> {
        match self.state {
            State::Arranged { parcel } => {
                let at = captured.max(parcel.arranged);
                Some((Self { order: self.order, state: State::Departed { parcel, at } }, Change::Applied))
            }
            State::Departed { .. } | State::Cancelled { .. } => Some((self, Change::AlreadyApplied)),
            State::Refused { .. } => None,
        }
    }

    /// All steps whose time is known, oldest first, those to come as well: see [`Step::has_happened`].
    pub fn steps(&self, transit_time: SignedDuration) -> Vec<Step> {
        let arranged = self.parcel().map(|parcel| Step { kind: StepKind::Arranged, at: parcel.arranged });
        let mut steps = Vec::from_iter(arranged);
        match &self.state {
            State::Arranged { .. } => {}
            State::Departed { at, .. } => steps.extend(way(*at, transit_time)),
            State::Cancelled { at, .. } | State::Refused { at, .. } => {
                steps.push(Step { kind: StepKind::Cancelled, at: *at });
            }
        }
        steps
    }
}
