//! What the participants keep of an order: the columns of the shop's own rows.

use restate_sdk::prelude::TerminalError;
use serde::{Deserialize, Serialize};

use crate::order::{Address, Order, WEIGHT};

/// As long as the digest that the shop keeps of a card's token.
const DIGEST: &str = "0707070707070707070707070707070707070707070707070707070707070707";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pieces {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    state: String,
    amount: i64,
    currency: String,
    customer_id: String,
    card_digest: String,
    /// Account and amount of each: their sum is zero.
    ledger: Vec<(String, i64)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shipment {
    state: String,
    customer_id: String,
    address: Address,
    weight_grams: i64,
}

impl Pieces {
    /// More than any run orders.
    pub(crate) const PLENTY: Self = Self { available: 1_000_000_000, reserved: 0 };

    pub(crate) fn reserve(self, quantity: i64) -> Result<Self, TerminalError> {
        match self.available - quantity {
            ..0 => Err(TerminalError::new("OUT_OF_STOCK")),
            available => Ok(Self { available, reserved: self.reserved + quantity }),
        }
    }
}

impl Payment {
    pub(crate) fn authorized(order: &Order) -> Self {
        Self {
            state: "AUTHORIZED".to_owned(),
            amount: order.total,
            currency: order.currency.clone(),
            customer_id: order.customer_id.clone(),
            card_digest: DIGEST.to_owned(),
            ledger: vec![("customer".to_owned(), -order.total), ("held".to_owned(), order.total)],
        }
    }
}

impl Shipment {
    pub(crate) fn arranged(order: &Order) -> Self {
        Self {
            state: "ARRANGED".to_owned(),
            customer_id: order.customer_id.clone(),
            address: order.address.clone(),
            weight_grams: WEIGHT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_reserved() {
        let some = Pieces { available: 2, reserved: 1 };
        assert_eq!(some.reserve(2).unwrap(), Pieces { available: 0, reserved: 3 });
        assert!(some.reserve(3).is_err());
    }
}
