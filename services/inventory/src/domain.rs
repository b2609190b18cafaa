//! The rules of stock and reservations: pure and synchronous.

mod reservation;
mod stock;
#[cfg(test)]
mod tests;

pub use reservation::{Lines, Moves, Reservation, State};
pub use stock::{Stock, StockError};

/// Whether a command changed anything. A repeat is a value, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did.
    Applied,
    /// It was done before.
    AlreadyApplied,
}
