//! What was measured beside what was wanted.

use std::fmt::Write;

use serde::Serialize;

use crate::stats::{median, spread};

/// What is wanted of a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    /// It is told, and no goal.
    Nothing,
}

/// A number, in every round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// The goal that it belongs to.
    pub(crate) goal: &'static str,
    /// What it is, with its unit.
    pub(crate) what: String,
    /// The medians.
    pub(crate) ours: f64,
    pub(crate) yardstick: Option<f64>,
    /// What the goal is about: the median of the ratios of each round, or ours where there is no yardstick.
    pub(crate) value: f64,
    /// The least and the most of all rounds.
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) wanted: Wanted,
    /// None where nothing is wanted.
    pub(crate) met: Option<bool>,
    /// Each round: ours and the yardstick's.
    pub(crate) rounds: Vec<(f64, Option<f64>)>,
    /// The curve that it is a point of, and where.
    pub(crate) curve: Option<(&'static str, f64)>,
}

impl Wanted {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(value >= bound),
            Self::AtMost(bound) => Some(value <= bound),
            Self::Nothing => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", short(bound)),
            Self::AtMost(bound) => format!("≤ {}", short(bound)),
            Self::Nothing => String::new(),
        }
    }
}

impl Row {
    /// Ours by a yardstick's, which was measured beside it in each round.
    pub(crate) fn ratio(
        goal: &'static str,
        what: impl Into<String>,
        wanted: Wanted,
        rounds: Vec<(f64, f64)>,
    ) -> Self {
        let ratios = rounds.iter().map(|(ours, yard)| ours / yard).collect();
        let rounds = rounds.into_iter().map(|(ours, yard)| (ours, Some(yard))).collect();
        Self::of((goal, what.into()), wanted, rounds, ratios)
    }

    /// Ours alone.
    pub(crate) fn plain(
        goal: &'static str,
        what: impl Into<String>,
        wanted: Wanted,
        rounds: Vec<f64>,
    ) -> Self {
        Self::of((goal, what.into()), wanted, rounds.iter().map(|ours| (*ours, None)).collect(), rounds)
    }

    fn of(
        (goal, what): (&'static str, String),
        wanted: Wanted,
        rounds: Vec<(f64, Option<f64>)>,
        values: Vec<f64>,
    ) -> Self {
        let ours = median(rounds.iter().map(|(ours, _)| *ours));
        let yards: Vec<f64> = rounds.iter().filter_map(|(_, yard)| *yard).collect();
        let yardstick = (!yards.is_empty()).then(|| median(yards));
        let (least, most) = spread(values.iter().copied());
        let value = median(values);
        let met = wanted.is_met(value);
        Self { goal, what, ours, yardstick, value, least, most, wanted, met, rounds, curve: None }
    }

    /// As a point of a curve, there.
    pub(crate) fn on(self, curve: &'static str, at: f64) -> Self {
        Self { curve: Some((curve, at)), ..self }
    }

    /// The cells of its line.
    pub(crate) fn cells(&self) -> Vec<String> {
        let met = self.met.map_or("", |met| if met { "✓ met" } else { "✗ not met" });
        let ratio = if self.yardstick.is_some() { short(self.value) } else { String::new() };
        vec![
            self.goal.to_owned(),
            self.what.clone(),
            short(self.ours),
            self.yardstick.map(short).unwrap_or_default(),
            ratio,
            format!("{} to {}", short(self.least), short(self.most)),
            self.wanted.text(),
            met.to_owned(),
        ]
    }
}

/// The titles of the cells.
pub(crate) const TITLES: [&str; 8] = ["goal", "what", "ours", "yardstick", "ratio", "spread", "wanted", ""];

/// Four digits, no more.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// All rows as aligned text.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut lines = vec![TITLES.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

/// All rows as a table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = format!("| {} |\n{}|\n", TITLES.join(" | "), "|---".repeat(TITLES.len()));
    for row in rows {
        let _written = writeln!(text, "| {} |", row.cells().join(" | ")).is_ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() {
        // The machine was slow in the last round, for both.
        let rounds = vec![(80.0, 100.0), (90.0, 100.0), (20.0, 25.0)];
        let row = Row::ratio("saga", "orders a second", Wanted::AtLeast(0.75), rounds);
        assert!((row.value - 0.8).abs() < 1e-9 && (row.most - 0.9).abs() < 1e-9, "{row:?}");
        assert_eq!((row.ours.to_bits(), row.met), (80.0_f64.to_bits(), Some(true)));
        let cells = ["saga", "orders a second", "80.0", "100", "0.80", "0.80 to 0.90", "≥ 0.75", "✓ met"];
        assert_eq!(row.cells(), cells);
    }

    #[test]
    fn what_is_wanted_bounds_the_value_on_its_side() {
        let met = |wanted| Row::plain("start", "ms", wanted, vec![8.0, 9.0, 10.0]).met;
        assert_eq!(met(Wanted::AtMost(9.0)), Some(true));
        assert_eq!(met(Wanted::AtMost(8.9)), Some(false));
        assert_eq!(met(Wanted::AtLeast(9.1)), Some(false));
        assert_eq!(met(Wanted::Nothing), None);
        assert_eq!(
            Row::plain("start", "ms", Wanted::AtMost(1.0), vec![]).met,
            Some(false),
            "nothing is no success"
        );
    }

    #[test]
    fn tables_have_a_line_for_each_row() {
        let rows = [Row::plain("start", "ms", Wanted::AtMost(9.0), vec![8.0])];
        assert_eq!(markdown(&rows).lines().count(), 3);
        assert!(markdown(&rows).lines().all(|line| line.starts_with('|') && line.ends_with('|')));
        assert!(text(&rows).lines().nth(1).unwrap().starts_with("start  ms"));
    }
}
