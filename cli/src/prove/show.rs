//! What was tried, for people.

use anyhow::Result;
use madang_experiments::{Experiment, Measure, Outcome, Variant};
use serde_json::{Value, json};

use super::report::{Report, Tried};
use crate::output::{BAD, Cell, FAINT, GOOD, Output, STRONG, Table, styled};

/// What is claimed.
pub(super) fn list(experiments: &[&'static Experiment], output: &Output) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(&serde_json::to_value(experiments)?)?);
    }
    let mut table = Table::new(["experiment", "needs", "claim"]);
    for experiment in experiments {
        table.row([
            experiment.id.into(),
            experiment.needs.to_string().as_str().into(),
            experiment.claim.into(),
        ]);
    }
    Ok(output.text(&table.render())?)
}

/// All of each.
pub(super) fn explain(experiments: Vec<&'static Experiment>, output: &Output) -> Result<()> {
    if output.is_json() {
        let values: Vec<Value> = experiments.iter().map(|it| json!(it)).collect();
        return Ok(output.json(&json!(values))?);
    }
    for experiment in experiments {
        let lines = |title: &str, lines: &[&str]| {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            format!("{}\n{lines}", styled(STRONG, title))
        };
        let text = [
            lines(experiment.id, &[experiment.claim]),
            lines("hypothesis", &[experiment.hypothesis]),
            lines("steps", experiment.steps),
            lines("control", &[experiment.control]),
            lines("by hand", experiment.by_hand),
            lines("what makes it hold", experiment.code),
        ];
        output.text(&text.concat())?;
    }
    Ok(())
}

/// One trial: the verdict, then each measure against its limit.
pub(super) fn outcome(experiment: &Experiment, outcome: &Outcome) -> String {
    let verdict = verdict(outcome.variant, outcome.is_as_expected());
    let seconds = std::time::Duration::from_millis(outcome.took_ms).as_secs_f64();
    let mut text = format!(
        "{verdict} {} {}\n",
        styled(STRONG, experiment.id),
        styled(FAINT, &format!("{seconds:.1} s"))
    );
    for measure in &outcome.measures {
        text += &line(measure);
    }
    if let Some(trouble) = &outcome.trouble {
        text += &format!("  {} {trouble}\n", styled(BAD, "trouble:"));
    }
    text
}

fn line(measure: &Measure) -> String {
    let style = if measure.is_within() { GOOD } else { BAD };
    let told = styled(style, &format!("{:>10}", measure.told()));
    format!("  {told} {:<10} {}\n", measure.told_limit(), measure.name)
}

fn verdict(variant: Variant, is_as_expected: bool) -> String {
    styled(if is_as_expected { GOOD } else { BAD }, super::report::verdict(variant, is_as_expected))
}

/// All of it in a table; with several trials, how far the numbers spread.
pub(super) fn summary(report: &Report) -> String {
    let mut table = Table::new(["experiment", "verdict", ">trials", "claim"]);
    for tried in &report.tried {
        let as_expected = tried.outcomes.iter().filter(|outcome| outcome.is_as_expected()).count();
        let trials = format!("{as_expected}/{}", tried.outcomes.len());
        let style = if tried.is_as_expected() { GOOD } else { BAD };
        let verdict = Cell::new(style, super::report::verdict(report.variant, tried.is_as_expected()));
        table.row([tried.experiment.id.into(), verdict, Cell::number(trials), tried.experiment.claim.into()]);
    }
    for (experiment, why) in &report.skipped {
        let verdict = Cell::new(FAINT, "SKIPPED");
        table.row([experiment.id.into(), verdict, Cell::number(0), why.as_ref().into()]);
    }
    let spreads = if report.repeat > 1 { report.tried.iter().map(spread).collect() } else { String::new() };
    let said = styled(if report.is_as_expected() { GOOD } else { BAD }, &report.said());
    format!("\n{}{spreads}{said}\n", table.render())
}

fn spread(tried: &Tried) -> String {
    let mut table = Table::new([tried.experiment.id, ">least", ">median", ">most", ">limit"]);
    for spread in tried.spreads() {
        let told = |value: f64| Cell::number(Measure { value, ..spread.measure.clone() }.told());
        let name = spread.measure.name.as_str().into();
        let limit = Cell::number(spread.measure.told_limit());
        table.row([name, told(spread.least), told(spread.median), told(spread.most), limit]);
    }
    format!("\n{}", table.render())
}
