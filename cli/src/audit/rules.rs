//! The rules, pure: facts in, report out. CONSISTENCY.md, "What is checked", says them in words.

mod ledger;
mod money;
mod outcome;
mod stock;

use std::collections::BTreeMap;

use super::{Check, Facts, Report};
use crate::order::show::state_name;

/// Holds every rule against the facts.
pub fn judge(facts: &Facts) -> Report {
    let checks = vec![
        money::orders(facts),
        money::owners(facts),
        ledger::sums(facts),
        ledger::entries(facts),
        ledger::accounts(facts),
        stock::products(facts),
        stock::pieces(facts),
        outcome::shipments(facts),
        outcome::notifications(facts),
        outcome::stuck(facts),
    ];
    let mut orders = BTreeMap::new();
    for order in &facts.orders {
        *orders.entry(state_name(order.state())).or_default() += 1;
    }
    Report { checks, orders, ..Report::default() }
}

#[cfg(test)]
mod tests;
