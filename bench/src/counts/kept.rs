//! Counts that are kept, and what became of them.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stats::float;

/// By how many in a hundred a count may grow, and shrink, until somebody looks at it.
const LIMIT: u64 = 5;

/// Instructions for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    /// PlaceOrder through the gateway, and all that follows an order.
    pub(super) order: u64,
    /// GetProduct of catalog itself.
    pub(super) read: u64,
    /// What the gateway adds to that.
    pub(super) hop: u64,
}

impl Counts {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no file of counts", file.display()))
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// What became of those that are kept.
    pub(super) fn beside(&self, kept: &Self) -> Compared {
        Compared([
            ("order", self.order, kept.order),
            ("read", self.read, kept.read),
            ("hop", self.hop, kept.hop),
        ])
    }
}

/// A name, what is counted, and what is kept.
type Pair = (&'static str, u64, u64);

/// Counts beside those that are kept.
#[derive(Debug)]
pub(super) struct Compared([Pair; 3]);

impl Compared {
    /// Whether one has grown by more than it may.
    pub(super) fn has_grown(&self) -> bool {
        self.0.iter().any(grown)
    }

    /// Whether one has shrunk by so much that growing back would not be seen.
    fn has_shrunk(&self) -> bool {
        self.0.iter().any(|(_, counted, kept)| 100 * counted < (100 - LIMIT) * kept)
    }
}

fn grown((_, counted, kept): &Pair) -> bool {
    100 * counted > (100 + LIMIT) * kept
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "instructions    counted       kept    change")?;
        for pair in &self.0 {
            let (name, counted, kept) = pair;
            let change = 100.0 * (float(*counted) / float(*kept) - 1.0);
            let told = if grown(pair) { "  too many" } else { "" };
            writeln!(f, "{name:<12}{counted:>11}{kept:>11}{change:>+8.1} %{told}")?;
        }
        if self.has_shrunk() {
            writeln!(f, "One is smaller by more than {LIMIT} %: keep it so with `make counts WRITE=1`.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Counts = Counts { order: 2_000_000, read: 100_000, hop: 200_000 };

    #[test]
    fn a_count_may_grow_by_five_in_a_hundred() {
        assert!(!KEPT.beside(&KEPT).has_grown());
        assert!(!Counts { order: 2_100_000, ..KEPT }.beside(&KEPT).has_grown());
        for more in [
            Counts { order: 2_100_001, ..KEPT },
            Counts { read: 106_000, ..KEPT },
            Counts { hop: 211_000, ..KEPT },
        ] {
            let compared = more.beside(&KEPT);
            assert!(compared.has_grown(), "{compared}");
            assert_eq!(compared.to_string().matches("too many").count(), 1, "{compared}");
        }
    }

    #[test]
    fn one_that_shrank_hides_no_other_and_is_to_be_kept() {
        let compared = Counts { order: 1_800_000, hop: 230_000, ..KEPT }.beside(&KEPT);
        assert!(compared.has_grown() && compared.has_shrunk());
        let told = compared.to_string();
        assert!(
            told.contains("-10.0 %") && told.contains("+15.0 %  too many") && told.contains("WRITE=1"),
            "{told}"
        );
        assert!(!Counts { order: 1_950_000, ..KEPT }.beside(&KEPT).to_string().contains("WRITE=1"));
    }

    #[test]
    fn counts_are_kept_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("counts.json");
        assert!(Counts::read(&file).is_err());
        KEPT.write(&file).unwrap();
        assert_eq!(Counts::read(&file).unwrap(), KEPT);
        std::fs::write(&file, r#"{ "order": 1, "read": 1 }"#).unwrap();
        assert!(Counts::read(&file).is_err(), "one is missing");
    }
}
