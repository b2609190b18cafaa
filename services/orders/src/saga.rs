//! The saga of an order: its definition, and its participants as calls.

pub(crate) mod meters;
mod participants;
mod place_order;

pub use participants::Participants;
pub use place_order::PlaceOrder;
