//! The rules of cards, payments and their ledger: pure and synchronous.

mod cards;
mod ledger;
mod payment;
#[cfg(test)]
mod tests;

pub use cards::{Answer, CARD_LIMIT, CardDigest, CardToken, CardTokenError, Decline, Verdict, decide};
pub use ledger::{Account, Entry, Movement};
pub use payment::{Change, Payment, Refusal, State, Terms};
