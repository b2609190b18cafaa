//! Every order that was asked for, and after the load its end.

mod follow;

use std::collections::{BTreeMap, BTreeSet};

use madang_api::orders::v1::{Order, OrderState, PlaceOrderRequest};

use tonic::{Code, Status};

pub(crate) use follow::follow;

use crate::failure::may_be_done;
use crate::report::Orders;

/// What is known of all orders.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Those whose id was answered, as they were last seen.
    acknowledged: BTreeMap<String, Seen>,
    /// Those whose answer was lost, by request_id.
    missing: BTreeMap<String, PlaceOrderRequest>,
    /// Those that surely were not placed.
    refused: u64,
    /// Acknowledged, and the shop does not know them.
    lost: BTreeSet<String>,
    /// Nobody was told their id.
    surplus: BTreeSet<String>,
    /// How many were asked for again.
    asked_again: u64,
    /// How many were acknowledged by that.
    found_again: u64,
}

/// An order as it was last seen.
#[derive(Debug, Clone)]
struct Seen {
    customer_id: String,
    state: OrderState,
    reason: String,
    /// Whether it was read after the load.
    is_read: bool,
}

impl Seen {
    /// Whether nothing more happens to it by itself, and it was read since the load.
    fn is_at_end(&self) -> bool {
        let states = [OrderState::Confirmed, OrderState::Rejected, OrderState::Cancelled, OrderState::Stuck];
        self.is_read && states.contains(&self.state)
    }
}

impl Book {
    /// The order was answered, in whatever state.
    pub(crate) fn acknowledge(&mut self, order: &Order) {
        self.surplus.remove(&order.order_id);
        self.acknowledged.insert(order.order_id.clone(), seen(order, false));
    }

    /// Whether it was placed is not known.
    pub(crate) fn miss(&mut self, request: PlaceOrderRequest) {
        self.missing.insert(request.request_id.clone(), request);
    }

    /// What became of an order that was asked for again; it stays missing where that is not known either.
    fn repeat(&mut self, request_id: &str, answer: Result<Order, Status>) {
        match answer {
            Ok(order) => {
                self.found_again += 1;
                self.acknowledge(&order);
            }
            Err(status) if is_open(&status) => return,
            Err(_) => self.refuse(),
        }
        self.missing.remove(request_id);
    }

    /// It was surely not placed.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// The order as it is after the load.
    fn read(&mut self, order: &Order) {
        match self.acknowledged.get_mut(&order.order_id) {
            Some(known) => *known = seen(order, true),
            None => {
                self.surplus.insert(order.order_id.clone());
            }
        }
    }

    /// Customers with orders that are not at their end.
    fn waiting(&self) -> BTreeSet<String> {
        let open = self.acknowledged.iter().filter(|(id, it)| !it.is_at_end() && !self.lost.contains(*id));
        open.map(|(_, it)| it.customer_id.clone()).collect()
    }

    /// Whether nothing is left to be asked.
    fn is_settled(&self) -> bool {
        self.missing.is_empty() && self.waiting().is_empty()
    }

    /// Acknowledged orders of customers whose lists do not have them.
    fn unread(&self, customers: &BTreeSet<String>) -> Vec<String> {
        let unread = self.acknowledged.iter().filter(|(id, it)| {
            !it.is_read && customers.contains(&it.customer_id) && !self.lost.contains(*id)
        });
        unread.map(|(id, _)| id.clone()).collect()
    }

    /// All of it, counted.
    pub(crate) fn count(&self) -> Orders {
        let mut orders = Orders {
            acknowledged: count(self.acknowledged.len()),
            asked_again: self.asked_again,
            found_again: self.found_again,
            refused: self.refused,
            unanswered: count(self.missing.len()),
            lost: count(self.lost.len()),
            surplus: count(self.surplus.len()),
            ..Orders::default()
        };
        let known = self.acknowledged.iter().filter(|(id, _)| !self.lost.contains(*id));
        for (_, Seen { state, reason, is_read, .. }) in known {
            match state {
                _ if !is_read => orders.unread += 1,
                OrderState::Confirmed => orders.confirmed += 1,
                OrderState::Rejected => *orders.rejected.entry(reason.clone()).or_default() += 1,
                OrderState::Cancelled => orders.cancelled += 1,
                OrderState::Stuck => orders.stuck += 1,
                OrderState::Pending
                | OrderState::Cancelling
                | OrderState::Rejecting
                | OrderState::Unspecified => orders.pending += 1,
            }
        }
        orders
    }
}

/// Whether a repeat must be asked once more: a limit says nothing of the order.
fn is_open(status: &Status) -> bool {
    may_be_done(status) || status.code() == Code::ResourceExhausted
}

fn seen(order: &Order, is_read: bool) -> Seen {
    let Order { customer_id, reason, .. } = order.clone();
    Seen { customer_id, state: order.state(), reason, is_read }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: &str, state: OrderState, reason: &str) -> Order {
        let mut order = Order { order_id: id.into(), customer_id: "c".into(), ..Order::default() };
        order.set_state(state);
        order.reason = reason.into();
        order
    }

    #[test]
    fn every_order_has_one_end() {
        let mut book = Book::default();
        let ends = [
            ("1", OrderState::Confirmed, ""),
            ("2", OrderState::Rejected, "OUT_OF_STOCK"),
            ("3", OrderState::Cancelled, ""),
            ("4", OrderState::Stuck, ""),
            ("5", OrderState::Rejecting, "CARD_DECLINED"),
        ];
        for (id, state, reason) in ends {
            book.acknowledge(&order(id, OrderState::Pending, ""));
            book.read(&order(id, state, reason));
        }
        book.acknowledge(&order("6", OrderState::Confirmed, ""));
        book.acknowledge(&order("7", OrderState::Confirmed, ""));
        book.lost.insert("7".into());
        book.refuse();
        book.miss(PlaceOrderRequest::default());
        let counted = book.count();
        let Orders { confirmed, cancelled, stuck, pending, unread, lost, acknowledged, .. } = counted;
        assert_eq!((confirmed, cancelled, stuck, pending, unread, lost), (1, 1, 1, 1, 1, 1));
        assert_eq!(counted.rejected, BTreeMap::from([("OUT_OF_STOCK".into(), 1)]));
        assert_eq!((acknowledged, counted.refused, counted.unanswered), (7, 1, 1));
    }

    #[test]
    fn an_order_that_nobody_was_told_of_is_counted() {
        let mut book = Book::default();
        book.read(&order("1", OrderState::Confirmed, ""));
        assert_eq!((book.count().surplus, book.count().confirmed), (1, 0));
    }

    #[test]
    fn an_order_is_waited_for_until_it_was_read_at_its_end() {
        let mut book = Book::default();
        book.acknowledge(&order("1", OrderState::Confirmed, ""));
        assert_eq!(book.waiting().len(), 1, "what was answered is not what is there");
        book.read(&order("1", OrderState::Confirmed, ""));
        assert!(book.waiting().is_empty());
    }
}
