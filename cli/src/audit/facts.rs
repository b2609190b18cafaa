use std::collections::BTreeMap;

use madang_api::inventory::v1::Stock;
use madang_api::notifications::v1::Notification;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::payments::v1::{AccountBalance, Payment};
use madang_api::shipping::v1::Shipment;

/// What the services say, read while no event was under way.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// All orders.
    pub orders: Vec<Order>,
    /// All payments, by order.
    pub payments: BTreeMap<String, Payment>,
    /// The ledger's balances.
    pub balances: Vec<AccountBalance>,
    /// Orders whose ledger entries do not agree with their payment's state.
    pub inconsistent: Vec<String>,
    /// The stock of every product of the catalogue and of the orders, where there is one.
    pub stocks: Vec<Stock>,
    /// The shipments of final orders, where there is one.
    pub shipments: BTreeMap<String, Shipment>,
    /// What the customers of all orders were told.
    pub notifications: Vec<Notification>,
}

impl Facts {
    /// The orders that are final.
    pub fn finals(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| is_final(order.state()))
    }
}

/// Whether an order in this state changes only by a cancellation, if at all.
pub(crate) fn is_final(state: OrderState) -> bool {
    matches!(state, OrderState::Confirmed | OrderState::Rejected | OrderState::Cancelled)
}
