//! Where the instructions of one call go: the difference of two runs.

use std::fmt::Write;

use super::callgrind::{Costs, read};
use crate::stats::float;

/// Costs of one call by name, the largest first.
#[derive(Debug)]
pub(super) struct Profile {
    crates: Vec<(String, u64)>,
    own: Vec<(String, u64)>,
    with_called: Vec<(String, u64)>,
}

impl Profile {
    /// What a run of twice as many calls cost more.
    pub(super) fn between(once: &str, twice: &str, calls: u64) -> Self {
        let (once, twice) = (read(once), read(twice));
        let mut with_called = difference(&once.with_called, &twice.with_called, calls);
        // Of others' functions most only pass on.
        with_called.retain(|(name, _)| name.contains("madang_"));
        Self {
            crates: difference(&once.crates, &twice.crates, calls),
            own: difference(&once.own, &twice.own, calls),
            with_called,
        }
    }

    /// All three, the longer ones cut.
    pub(super) fn text(&self, call: &str, top: usize) -> String {
        let total: u64 = self.own.iter().map(|(_, cost)| cost).sum();
        let mut text = format!("{total} instructions for each {call}\n");
        let tables = [
            ("by the crate of the line", &self.crates),
            ("by function, alone", &self.own),
            ("by function of ours, with what it called", &self.with_called),
        ];
        for (title, costs) in tables {
            let _written = writeln!(text, "\n{title}").is_ok();
            for (name, cost) in costs.iter().take(top) {
                let share = 100.0 * float(*cost) / float(total);
                let _written = writeln!(text, "{cost:>9} {share:>5.1} %  {name}").is_ok();
            }
        }
        text
    }
}

fn difference(once: &Costs, twice: &Costs, calls: u64) -> Vec<(String, u64)> {
    let cost =
        |name: &String, cost: u64| cost.saturating_sub(once.get(name).copied().unwrap_or_default()) / calls;
    let mut costs: Vec<_> = twice.iter().map(|(name, all)| (name.clone(), cost(name, *all))).collect();
    costs.retain(|(_, cost)| *cost > 0);
    costs.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_left_out_and_the_dearest_is_first() {
        let run = |start: u64, calls: u64| {
            format!(
                "fn=(1) start\n1 {start}\nfn=(2) madang_a\n1 {}\nfn=(3) b\n1 {}\n",
                10 * calls,
                30 * calls
            )
        };
        let profile = Profile::between(&run(500, 4), &run(500, 8), 4);
        assert_eq!(profile.own, [("b".to_owned(), 30), ("madang_a".to_owned(), 10)]);
        let text = profile.text("order", 1);
        assert!(text.starts_with("40 instructions for each order\n"), "{text}");
        assert!(text.contains("75.0 %  b\n") && !text.contains("madang_a"), "{text}");
    }
}
