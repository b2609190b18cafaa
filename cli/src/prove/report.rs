use madang_experiments::{Experiment, Measure, Outcome, Variant};
use serde_json::{Value, json};

use super::skipped::Skipped;
use crate::system;

const LOCAL: &str = "local";

/// All that was tried.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) variant: Variant,
    pub(super) repeat: u16,
    /// Seconds since 1970, of the begin.
    pub(super) at: i64,
    pub(super) tried: Vec<Tried>,
    /// Those that could not be tried there, with the reason.
    pub(super) skipped: Vec<Skipped>,
    /// `local`, or the cluster's context.
    pub(super) place: String,
}

/// One experiment, as often as it was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) experiment: &'static Experiment,
    pub(super) outcomes: Vec<Outcome>,
}

/// How far a measure went over all trials.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    pub(super) measure: Measure,
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Report {
    /// The version of the JSON; it grows when a field changes its meaning or goes.
    const VERSION: u32 = 1;

    pub(super) fn new(variant: Variant, repeat: u16, context: Option<&str>) -> Self {
        let (tried, skipped) = (Vec::new(), Vec::new());
        Self {
            variant,
            repeat,
            at: system::now(),
            tried,
            skipped,
            place: context.unwrap_or(LOCAL).to_owned(),
        }
    }

    /// Whether each trial had a shop of its own on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.place == LOCAL
    }

    /// Whether each experiment held, or each control was refuted, every time.
    pub(super) fn is_as_expected(&self) -> bool {
        !self.tried.is_empty() && self.tried.iter().all(Tried::is_as_expected)
    }

    /// How many came out as they should, in words.
    pub(super) fn said(&self) -> String {
        let (good, all) = (self.tried.iter().filter(|it| it.is_as_expected()).count(), self.tried.len());
        let what = match self.variant {
            Variant::Real => "claims hold",
            Variant::Control => "controls are refuted, as they must be",
        };
        format!("{good} of {all} {what}")
    }

    pub(super) fn value(&self) -> Value {
        let tried = |tried: &Tried| {
            json!({
                "experiment": tried.experiment,
                "as_expected": tried.is_as_expected(),
                "outcomes": tried.outcomes,
            })
        };
        json!({
            "version": Self::VERSION,
            "madang": env!("CARGO_PKG_VERSION"),
            "at": self.at,
            "place": self.place,
            "cores": cores(),
            "variant": self.variant,
            "as_expected": self.is_as_expected(),
            "skipped": self.skipped.iter().map(|(it, why)| json!({ "id": it.id, "why": why })).collect::<Vec<_>>(),
            "tried": self.tried.iter().map(tried).collect::<Vec<_>>(),
        })
    }
}

impl Tried {
    pub(super) fn is_as_expected(&self) -> bool {
        !self.outcomes.is_empty() && self.outcomes.iter().all(Outcome::is_as_expected)
    }

    /// The trial that tells the most, and which it is: the first that did not come out as it should, else the first.
    pub(super) fn shown(&self) -> Option<(usize, &Outcome)> {
        let trials = || self.outcomes.iter().enumerate();
        trials().find(|(_, outcome)| !outcome.is_as_expected()).or_else(|| trials().next())
    }

    /// Of each measure, by its name.
    pub(super) fn spreads(&self) -> Vec<Spread> {
        let mut spreads: Vec<Spread> = Vec::new();
        for measure in self.outcomes.iter().flat_map(|outcome| &outcome.measures) {
            if spreads.iter().any(|spread| spread.measure.name == measure.name) {
                continue;
            }
            let all = self.outcomes.iter().flat_map(|outcome| &outcome.measures);
            let mut values: Vec<f64> =
                all.filter(|other| other.name == measure.name).map(|other| other.value).collect();
            values.sort_by(f64::total_cmp);
            let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
            let (least, median, most) = (at(0), at(values.len() / 2), at(values.len() - 1));
            spreads.push(Spread { measure: measure.clone(), least, median, most });
        }
        spreads
    }
}

/// PASS or FAIL of an experiment; of a control, whether it was refuted as it must be.
pub(super) fn verdict(variant: Variant, is_as_expected: bool) -> &'static str {
    match (variant, is_as_expected) {
        (Variant::Real, true) => "PASS",
        (Variant::Real, false) => "FAIL",
        (Variant::Control, true) => "REFUTED",
        (Variant::Control, false) => "NOT REFUTED",
    }
}

/// Of this machine.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use madang_experiments::all::EXPERIMENTS;
    use madang_experiments::{Limit, Unit};

    use super::*;

    fn outcome(value: f64, holds: bool) -> Outcome {
        let limit = Some(Limit::AtMost(2.0));
        let measure = Measure { name: "late".to_owned(), value, unit: Unit::Ms, limit };
        let (marks, plots) = (Vec::new(), Vec::new());
        Outcome {
            variant: Variant::Real,
            holds,
            took_ms: 1,
            measures: vec![measure],
            marks,
            plots,
            trouble: None,
        }
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        let tried = vec![Tried { experiment: &EXPERIMENTS[0], outcomes }];
        Report { tried, ..Report::new(Variant::Real, 1, None) }
    }

    #[test]
    fn one_trial_that_failed_fails_all_of_it() {
        assert!(report(vec![outcome(1.0, true), outcome(2.0, true)]).is_as_expected());
        assert!(!report(vec![outcome(1.0, true), outcome(3.0, false)]).is_as_expected());
        assert!(!report(vec![]).is_as_expected());
        assert!(!Report::new(Variant::Real, 1, None).is_as_expected());
    }

    #[test]
    fn a_spread_is_over_all_trials() {
        let report = report([5.0, 1.0, 3.0].map(|value| outcome(value, true)).to_vec());
        let spreads = report.tried[0].spreads();
        let [Spread { least, median, most, .. }] = &spreads[..] else { panic!("{spreads:?}") };
        assert_eq!((*least, *median, *most), (1.0, 3.0, 5.0));
        assert_eq!(report.value()["tried"][0]["outcomes"][2]["measures"][0]["value"], 3.0);
    }

    #[test]
    fn the_trial_that_tells_the_most_is_the_first_that_went_wrong() {
        let shown = |outcomes| report(outcomes).tried[0].shown().map(|(number, _)| number);
        assert_eq!(shown(vec![outcome(1.0, true), outcome(3.0, false), outcome(4.0, false)]), Some(1));
        assert_eq!(shown(vec![outcome(1.0, true), outcome(2.0, true)]), Some(0));
        assert_eq!(shown(vec![]), None);
    }
}
