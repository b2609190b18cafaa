use std::collections::BTreeSet;

use madang_api::orders::v1::{Order, OrderState};
use madang_api::payments::v1::{Payment, PaymentState};
use madang_api::types::v1::Money;

use super::{Check, Facts};
use crate::order::show::{money, state_name};

/// Each order holds its total, or nothing. One that is being undone may hold either.
pub(super) fn orders(facts: &Facts) -> Check {
    Check::new("an order holds its total, or nothing", &facts.orders, |order| {
        let payment = facts.payments.get(&order.order_id);
        (order.order_id.clone(), wrong_total(order).or_else(|| wrong_payment(order, payment)))
    })
}

/// No payment holds money for an order that there is not.
pub(super) fn owners(facts: &Facts) -> Check {
    let orders: BTreeSet<&str> = facts.orders.iter().map(|order| order.order_id.as_str()).collect();
    Check::new("money is held for orders only", facts.payments.values(), |payment| {
        let owned = orders.contains(payment.order_id.as_str()) || held(payment) == 0;
        let detail =
            || format!("{} is held for an order that does not exist", money(payment.amount.as_ref()));
        (payment.order_id.clone(), (!owned).then(detail))
    })
}

fn wrong_total(order: &Order) -> Option<String> {
    let currency = order.total.as_ref().map(|total| &total.currency_code);
    let lines = order.lines.iter().map(|line| (line.unit_price.as_ref(), line.quantity));
    let mut sum = 0_i64;
    for (price, pieces) in lines.chain([(order.shipping_price.as_ref(), 1)]) {
        let price = price.filter(|price| Some(&price.currency_code) == currency);
        sum = price
            .and_then(|price| price.minor_units.checked_mul(pieces)?.checked_add(sum))
            .unwrap_or(i64::MIN);
    }
    let total = order.total.as_ref().map_or(0, |total| total.minor_units);
    (sum != total).then(|| {
        format!("the total {} is not the sum of its lines and the parcel", money(order.total.as_ref()))
    })
}

fn wrong_payment(order: &Order, payment: Option<&Payment>) -> Option<String> {
    let state = payment.map_or(PaymentState::Unspecified, Payment::state);
    let holds = payment.is_some_and(|payment| holds_total(payment, order.total.as_ref()));
    let right = match order.state() {
        OrderState::Confirmed => holds,
        // A card may be refused and its order not yet be told so.
        OrderState::Pending => holds || matches!(state, PaymentState::Unspecified | PaymentState::Declined),
        OrderState::Rejected | OrderState::Cancelled => payment.is_none_or(|payment| held(payment) == 0),
        OrderState::Cancelling | OrderState::Rejecting | OrderState::Stuck => true,
        OrderState::Unspecified => false,
    };
    (!right).then(|| told(order, payment))
}

fn holds_total(payment: &Payment, total: Option<&Money>) -> bool {
    let holds = matches!(payment.state(), PaymentState::Authorized | PaymentState::Captured);
    holds && payment.amount.as_ref() == total && refunded(payment) == 0
}

/// What is held or taken and was not given back, in minor units.
pub(super) fn held(payment: &Payment) -> i64 {
    let amount = payment.amount.as_ref().map_or(0, |amount| amount.minor_units);
    match payment.state() {
        PaymentState::Authorized => amount,
        PaymentState::Captured | PaymentState::Refunded => amount - refunded(payment),
        PaymentState::Voided | PaymentState::Declined | PaymentState::Unspecified => 0,
    }
}

fn refunded(payment: &Payment) -> i64 {
    payment.refunded.as_ref().map_or(0, |refunded| refunded.minor_units)
}

fn told(order: &Order, payment: Option<&Payment>) -> String {
    let order = format!("{} with a total of {}", state_name(order.state()), money(order.total.as_ref()));
    let Some(payment) = payment else { return format!("{order}, but there is no payment") };
    let state = payment.state().as_str_name().trim_start_matches("PAYMENT_STATE_");
    let (amount, refunded) = (money(payment.amount.as_ref()), money(payment.refunded.as_ref()));
    format!("{order}, but its payment of {amount} is {state} ({refunded} refunded)")
}
