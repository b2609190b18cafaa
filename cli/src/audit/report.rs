use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::lag::Lag;
use crate::output::{BAD, Cell, GOOD, Table, WAITS, styled};

/// A rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Of which order, product or currency.
    pub subject: String,
    /// What is, and what should be.
    pub detail: String,
}

/// One rule, and what was found by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The rule.
    pub rule: &'static str,
    /// How many things it was held against.
    pub checked: usize,
    /// Where it does not hold.
    pub violations: Vec<Violation>,
}

/// What the audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The rules.
    pub checks: Vec<Check>,
    /// Orders by state.
    pub orders: BTreeMap<&'static str, usize>,
    /// How far events have come; without events under way, dead letters may remain.
    pub lags: Vec<Lag>,
    /// How long it took until no event was under way and all was read.
    pub waited: Duration,
}

impl Check {
    /// Holds a rule against all subjects; `find` answers a subject and what is wrong with it.
    pub(super) fn new<T>(
        rule: &'static str,
        subjects: impl IntoIterator<Item = T>,
        find: impl Fn(T) -> (String, Option<String>),
    ) -> Self {
        let found: Vec<_> = subjects.into_iter().map(find).collect();
        let checked = found.len();
        let violation =
            |(subject, detail): (String, Option<String>)| Some(Violation { subject, detail: detail? });
        Self { rule, checked, violations: found.into_iter().filter_map(violation).collect() }
    }
}

impl Report {
    /// Whether every rule holds everywhere.
    pub fn is_clean(&self) -> bool {
        self.violations().next().is_none()
    }

    /// Every violation with its rule.
    pub fn violations(&self) -> impl Iterator<Item = (&'static str, &Violation)> {
        self.checks.iter().flat_map(|check| check.violations.iter().map(|violation| (check.rule, violation)))
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut table = Table::new(["rule", ">checked", ">violations"]);
        for Check { rule, checked, violations } in &self.checks {
            let style = if violations.is_empty() { GOOD } else { BAD };
            table.row([(*rule).into(), Cell::number(checked), Cell::number(violations.len()).styled(style)]);
        }
        let mut text = table.render();
        for (rule, Violation { subject, detail }) in self.violations() {
            text += &format!("{} {subject}: {detail} ({rule})\n", styled(BAD, "violation"));
        }
        let dead: i64 = self.lags.iter().map(|lag| lag.dead_letters).sum();
        if dead > 0 {
            text += &format!("{}: {dead}; `madang status` tells where\n", styled(WAITS, "dead letters"));
        }
        text + &self.summary()
    }

    /// For programs.
    pub fn value(&self) -> Value {
        let check = |check: &Check| json!({ "rule": check.rule, "checked": check.checked, "violations": check.violations.len() });
        let violation = |(rule, it): (&str, &Violation)| json!({ "rule": rule, "subject": it.subject, "detail": it.detail });
        json!({
            "clean": self.is_clean(),
            "orders": self.orders,
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "violations": self.violations().map(violation).collect::<Vec<_>>(),
            "lag": self.lags.iter().map(Lag::value).collect::<Vec<_>>(),
            "waited_ms": u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn summary(&self) -> String {
        let states: Vec<String> =
            self.orders.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let total: usize = self.orders.values().sum();
        let states = if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
        let verdict = match self.violations().count() {
            0 => styled(GOOD, "the books are in order"),
            count => styled(BAD, &format!("violations: {count}")),
        };
        let orders = if total == 1 { "order" } else { "orders" };
        format!("{total} {orders}{states}, event lag 0: {verdict}\n")
    }
}
