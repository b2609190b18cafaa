//! The rules of an order: pure and synchronous.

mod cart;
mod order;
mod state;
#[cfg(test)]
mod tests;

pub use cart::{Cart, CartError, Offer, Priced};
pub use order::{CardToken, Line, Order};
pub use state::{CancelRefused, Reason, State, Way};

/// Steps of an order's saga: reserve stock, authorize payment, arrange shipment.
pub const STEPS: usize = 3;
/// The step whose undo takes a confirmed order back: arrange shipment. Events undo the others.
pub const SHIPMENT: usize = 2;
