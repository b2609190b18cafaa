use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::Report;
use crate::output::{BAD, GOOD, styled};

/// One thing that was done, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What was done.
    pub what: &'static str,
    /// What it was announced to come out as.
    pub announced: &'static str,
    /// What came out.
    pub came_out: String,
    /// How long it took.
    pub took: Duration,
}

/// What the demo showed.
#[derive(Debug)]
pub struct Verdict {
    /// All that was done.
    pub rows: Vec<Row>,
    /// What the audit found, or why there is none.
    pub audit: Result<Report, String>,
    /// Services that died though nobody killed them.
    pub fallen: Vec<String>,
    /// How long it took until the shop was ready.
    pub opened: Duration,
    /// How long all took.
    pub took: Duration,
}

impl Row {
    /// Whether it came out as announced.
    pub fn is_as_announced(&self) -> bool {
        self.came_out == self.announced
    }

    /// How long it took, for people and programs.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }

    fn value(&self) -> Value {
        json!({
            "what": self.what,
            "announced": self.announced,
            "came_out": self.came_out,
            "as_announced": self.is_as_announced(),
            "ms": self.millis(),
        })
    }
}

impl Verdict {
    /// Whether all came out as announced, the audit is clean, and nothing died by itself.
    pub fn has_passed(&self) -> bool {
        !self.rows.is_empty() && self.problems().is_empty()
    }

    /// For people; the rows were told before.
    pub fn text(&self) -> String {
        let mut text =
            self.audit.as_ref().map_or_else(|_| String::new(), |report| format!("\n{}", report.text()));
        for problem in self.problems() {
            text += &format!("{} {problem}\n", styled(BAD, "failed:"));
        }
        let took = format!(
            "{:.1} s, {:.1} s of it to open the shop",
            self.took.as_secs_f32(),
            self.opened.as_secs_f32()
        );
        match self.has_passed() {
            true => {
                let told = format!("all {} came out as announced", self.rows.len());
                text + &format!("{}, in {took}\n", styled(GOOD, &told))
            }
            false => text + &format!("{} after {took}\n", styled(BAD, "the demo failed")),
        }
    }

    /// For programs.
    pub fn value(&self, kept: Option<&Path>) -> Value {
        json!({
            "passed": self.has_passed(),
            "rows": self.rows.iter().map(Row::value).collect::<Vec<_>>(),
            "audit": self.audit.as_ref().ok().map(Report::value),
            "problems": self.problems(),
            "opened_seconds": self.opened.as_secs_f64(),
            "took_seconds": self.took.as_secs_f64(),
            "data": kept,
        })
    }

    fn problems(&self) -> Vec<String> {
        let other = self.rows.iter().filter(|row| !row.is_as_announced());
        let other =
            other.map(|row| format!("{}: announced {}, came out {}", row.what, row.announced, row.came_out));
        let fallen = self.fallen.iter().map(|service| format!("{service} died by itself"));
        let audit = match &self.audit {
            Ok(report) if report.is_clean() => None,
            Ok(_) => Some("the audit found violations".to_owned()),
            Err(error) => Some(format!("the audit: {error}")),
        };
        other.chain(fallen).chain(audit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Check, Violation};

    fn verdict(came_out: &str) -> Verdict {
        let took = Duration::from_millis(12);
        let row = Row { what: "one cup", announced: "CONFIRMED", came_out: came_out.into(), took };
        Verdict { rows: vec![row], audit: Ok(Report::default()), fallen: Vec::new(), opened: took, took }
    }

    #[test]
    fn it_passes_if_all_came_out_as_announced() {
        assert!(verdict("CONFIRMED").has_passed());
        assert!(verdict("CONFIRMED").text().contains("all 1 came out as announced"));
        assert_eq!(verdict("CONFIRMED").value(None)["passed"], true);
    }

    #[test]
    fn another_outcome_fails_it_and_is_told() {
        let verdict = verdict("PENDING");
        assert!(!verdict.has_passed());
        assert!(verdict.text().contains("one cup: announced CONFIRMED, came out PENDING"));
    }

    #[test]
    fn a_violation_a_failed_audit_and_a_fallen_service_fail_it() {
        let violation = Violation { subject: "order".into(), detail: "lost".into() };
        let check = Check { rule: "rule", checked: 1, violations: vec![violation] };
        let report = Report { checks: vec![check], ..Report::default() };
        assert!(!Verdict { audit: Ok(report), ..verdict("CONFIRMED") }.has_passed());
        assert!(!Verdict { audit: Err("unreachable".into()), ..verdict("CONFIRMED") }.has_passed());
        assert!(!Verdict { fallen: vec!["orders".into()], ..verdict("CONFIRMED") }.has_passed());
    }

    #[test]
    fn a_demo_that_showed_nothing_has_not_passed() {
        assert!(!Verdict { rows: Vec::new(), ..verdict("CONFIRMED") }.has_passed());
    }
}
