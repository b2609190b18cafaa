use std::collections::{BTreeMap, BTreeSet};

use madang_api::payments::v1::{Payment, PaymentState};

use super::money::held;
use super::{Check, Facts};

/// For each currency, all accounts sum to zero.
pub(super) fn sums(facts: &Facts) -> Check {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for balance in facts.balances.iter().filter_map(|it| it.balance.as_ref()) {
        *sums.entry(&balance.currency_code).or_default() += i128::from(balance.minor_units);
    }
    Check::new("the ledger sums to zero", sums, |(currency, sum)| {
        (currency.to_owned(), (sum != 0).then(|| format!("all accounts sum to {sum} minor units")))
    })
}

/// Each payment's entries agree with its state; the ledger itself says so.
pub(super) fn entries(facts: &Facts) -> Check {
    let inconsistent: BTreeSet<&String> = facts.inconsistent.iter().collect();
    let subjects: BTreeSet<&String> = facts.payments.keys().chain(&facts.inconsistent).collect();
    Check::new("entries agree with their payment", subjects, |order_id| {
        let detail = || "the ledger's entries do not agree with the payment's state".to_owned();
        (order_id.clone(), inconsistent.contains(order_id).then(detail))
    })
}

/// The account `held` holds what is authorized, `shop` what was captured and not given back.
pub(super) fn accounts(facts: &Facts) -> Check {
    let mut expected: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for payment in facts.payments.values() {
        if let (Some(account), Some(amount)) = (account(payment), payment.amount.as_ref()) {
            *expected.entry((account, &amount.currency_code)).or_default() += i128::from(held(payment));
        }
    }
    let mut actual: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for balance in facts.balances.iter().filter(|balance| balance.account != "customer") {
        if let Some(money) = &balance.balance {
            *actual.entry((&balance.account, &money.currency_code)).or_default() +=
                i128::from(money.minor_units);
        }
    }
    let accounts: BTreeSet<_> = expected.keys().chain(actual.keys()).copied().collect();
    Check::new("accounts hold what payments say", accounts, |key| {
        let (is, should) = (actual.get(&key).copied(), expected.get(&key).copied());
        let (is, should) = (is.unwrap_or_default(), should.unwrap_or_default());
        let detail = || format!("the balance is {is} minor units, the payments say {should}");
        (format!("account {} in {}", key.0, key.1), (is != should).then(detail))
    })
}

fn account(payment: &Payment) -> Option<&'static str> {
    match payment.state() {
        PaymentState::Authorized => Some("held"),
        PaymentState::Captured | PaymentState::Refunded => Some("shop"),
        PaymentState::Voided | PaymentState::Declined | PaymentState::Unspecified => None,
    }
}
