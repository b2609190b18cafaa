use std::fmt;
use std::time::Duration;

use madang_load::{Quantile, Series};
use serde::{Deserialize, Serialize};

use crate::Variant;

/// What came of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it was the experiment or its control.
    pub variant: Variant,
    /// Whether the hypothesis held: every measure within its limit, there are some, and there was no trouble.
    pub holds: bool,
    /// In milliseconds, without opening and closing the shop.
    pub took_ms: u64,
    /// What was measured.
    pub measures: Vec<Measure>,
    /// What was done, in time.
    pub marks: Vec<Mark>,
    /// How calls went meanwhile.
    pub plots: Vec<Plot>,
    /// Why the trial did not come to its end, where it did not.
    pub trouble: Option<String>,
}

/// A number with its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What it is, such as `visits that failed while payments was dead`.
    pub name: String,
    /// The value.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
    /// What it must be; none for one that is only told.
    pub limit: Option<Limit>,
}

/// What a measure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// A part of a whole, 0 to 1, told in percent.
    Share,
    /// So many a second.
    Rate,
}

/// What a measure must be. Each comes from the mechanism, never from what one run happened to give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Milliseconds since the trial began.
    pub at_ms: u64,
    /// What.
    pub what: String,
}

/// When calls were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the harm.
    Before,
    /// While it lasted.
    During,
    /// After it.
    After,
}

/// A load as it went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plot {
    /// What was called.
    pub title: String,
    /// When.
    pub phase: Phase,
    /// Milliseconds since the trial began, of the load's begin.
    pub at_ms: u64,
    /// In time.
    pub series: Series,
    /// Latencies by share.
    pub distribution: Vec<Quantile>,
}

impl Outcome {
    /// Whether some measure is beyond its limit: what a control must come to. Trouble is no answer.
    pub fn is_refuted(&self) -> bool {
        self.trouble.is_none() && self.measures.iter().any(|measure| !measure.is_within())
    }

    /// Whether it came out as it should: an experiment holds, its control is refuted.
    pub fn is_as_expected(&self) -> bool {
        match self.variant {
            Variant::Real => self.holds,
            Variant::Control => self.is_refuted(),
        }
    }
}

impl Measure {
    /// Whether it is as it must be.
    pub fn is_within(&self) -> bool {
        match self.limit {
            None => true,
            Some(Limit::AtMost(most)) => self.value <= most,
            Some(Limit::AtLeast(least)) => self.value >= least,
        }
    }

    /// The value with its unit.
    pub fn told(&self) -> String {
        self.unit.told(self.value)
    }

    /// The limit with its unit, such as `≤ 5 ms`; empty for one that is only told.
    pub fn told_limit(&self) -> String {
        match self.limit {
            None => String::new(),
            Some(Limit::AtMost(most)) => format!("≤ {}", self.unit.told(most)),
            Some(Limit::AtLeast(least)) => format!("≥ {}", self.unit.told(least)),
        }
    }
}

impl Unit {
    fn told(self, value: f64) -> String {
        match self {
            Self::Count => format!("{value:.0}"),
            Self::Ms if value < 10.0 => format!("{value:.2} ms"),
            Self::Ms => format!("{value:.0} ms"),
            Self::Seconds => format!("{value:.1} s"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Rate => format!("{value:.0}/s"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        })
    }
}

/// A duration in milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A duration as all times here are told.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(value: f64, limit: Option<Limit>) -> Measure {
        Measure { name: "calls".to_owned(), value, unit: Unit::Count, limit }
    }

    fn outcome(variant: Variant, measures: Vec<Measure>, trouble: Option<&str>) -> Outcome {
        let trouble = trouble.map(str::to_owned);
        Outcome { variant, holds: false, took_ms: 1, measures, marks: vec![], plots: vec![], trouble }
    }

    #[test]
    fn a_limit_includes_its_own_value_and_no_number_is_within_none() {
        assert!(measure(5.0, Some(Limit::AtMost(5.0))).is_within());
        assert!(!measure(5.1, Some(Limit::AtMost(5.0))).is_within());
        assert!(measure(5.0, Some(Limit::AtLeast(5.0))).is_within());
        assert!(!measure(f64::NAN, Some(Limit::AtLeast(5.0))).is_within());
        assert!(!measure(f64::NAN, Some(Limit::AtMost(5.0))).is_within());
        assert!(measure(7.0, None).is_within());
    }

    #[test]
    fn a_control_must_be_refuted_by_a_number() {
        let beyond = || vec![measure(1.0, Some(Limit::AtMost(0.0)))];
        let within = || vec![measure(0.0, Some(Limit::AtMost(0.0)))];
        assert!(outcome(Variant::Control, beyond(), None).is_as_expected());
        assert!(!outcome(Variant::Control, within(), None).is_as_expected());
        assert!(!outcome(Variant::Control, vec![], Some("the shop did not open")).is_as_expected());
        assert!(!outcome(Variant::Control, beyond(), Some("late")).is_as_expected());
    }

    #[test]
    fn numbers_are_told_with_their_units() {
        let ms = |value| Measure { unit: Unit::Ms, ..measure(value, Some(Limit::AtMost(50.0))) };
        assert_eq!((ms(1.234).told(), ms(1.0).told_limit()), ("1.23 ms".to_owned(), "≤ 50 ms".to_owned()));
        let share = Measure { unit: Unit::Share, ..measure(0.048_9, Some(Limit::AtMost(0.1))) };
        assert_eq!((share.told(), share.told_limit()), ("4.9 %".to_owned(), "≤ 10.0 %".to_owned()));
    }
}
