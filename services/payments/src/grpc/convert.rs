//! Messages of proto/ and words of the domain, one into the other.

use madang_api::Violations;
use madang_api::convert::{money, timestamp};
use madang_api::payments::v1;
use madang_api::types::v1 as types;
use madang_types::Money;

use crate::domain::{Entry, Payment, State};

impl From<Payment> for v1::Payment {
    fn from(payment: Payment) -> Self {
        let decline_reason = match &payment.state {
            State::Declined { reason, .. } => reason.reason(),
            State::Authorized { .. }
            | State::Captured { .. }
            | State::Voided { .. }
            | State::Refunded { .. } => "",
        };
        Self {
            order_id: payment.order.to_string(),
            amount: payment.terms().map(|terms| terms.amount.into()),
            refunded: payment.refunded().map(Into::into),
            state: state(&payment.state).into(),
            decline_reason: decline_reason.to_owned(),
            update_time: Some(timestamp(payment.updated)),
        }
    }
}

impl From<Entry> for v1::AccountBalance {
    fn from(sum: Entry) -> Self {
        // A balance may be below zero, which the domain's money is not.
        let balance = types::Money { minor_units: sum.minor_units, currency_code: sum.currency.to_string() };
        Self { account: sum.account.name().to_owned(), balance: Some(balance) }
    }
}

fn state(state: &State) -> v1::PaymentState {
    match state {
        State::Authorized { .. } => v1::PaymentState::Authorized,
        State::Captured { .. } => v1::PaymentState::Captured,
        State::Voided { .. } => v1::PaymentState::Voided,
        State::Refunded { .. } => v1::PaymentState::Refunded,
        State::Declined { .. } => v1::PaymentState::Declined,
    }
}

/// What pages of payments go on after.
pub(super) fn key(payment: &Payment) -> Vec<u8> {
    payment.order.uuid().as_bytes().to_vec()
}

/// Reads a required amount of more than zero.
pub(super) fn amount(violations: &mut Violations, value: Option<&types::Money>) -> Option<Money> {
    let amount = money(violations, "amount", value)?;
    let positive = if amount.minor_units() > 0 { Ok(amount) } else { Err("must be more than zero") };
    violations.check("amount.minor_units", positive)
}

/// Reads an amount of more than zero that may be left out: an outer none is a violation.
pub(super) fn optional_amount(
    violations: &mut Violations,
    value: Option<&types::Money>,
) -> Option<Option<Money>> {
    match value {
        None => Some(None),
        Some(_) => amount(violations, value).map(Some),
    }
}
