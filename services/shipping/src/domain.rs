//! The rules of parcels: what they cost, where they go, how they end. Pure and synchronous.

mod shipment;
mod tariff;
#[cfg(test)]
mod tests;
mod tracking;

pub use shipment::{Booking, Parcel, Shipment, State};
pub use tariff::{MAX_PARCEL_GRAMS, Refusal, Zone};
pub use tracking::{Step, StepKind, TrackingNumber, TrackingNumberError};

/// Whether a command changed anything. A repeat is a value, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did.
    Applied,
    /// It was done before.
    AlreadyApplied,
}
