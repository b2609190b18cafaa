//! What was measured, against what it must be.

use madang_experiments::{self as experiments, Measure, Outcome, Variant};
use madang_page::bar::{Bar, Limit};

use crate::page::{self, escape};
use crate::prove::report::{Spread, Tried, verdict};

/// The measures of one trial; their bars show how far those of all trials went.
pub(super) fn table(tried: &Tried, outcome: &Outcome) -> String {
    if outcome.measures.is_empty() {
        return "<p class=\"bad\">Nothing was measured.</p>\n".to_owned();
    }
    let mut html = format!("<h3>What was measured</h3>\n<table class=\"measures\">\n{HEAD}<tbody>\n");
    let spreads = if tried.outcomes.len() > 1 { tried.spreads() } else { Vec::new() };
    for measure in &outcome.measures {
        let spread = spreads.iter().find(|spread| spread.measure.name == measure.name);
        html += &row(outcome.variant, measure, spread);
    }
    html += "</tbody>\n</table>\n";
    match outcome.measures.iter().any(|measure| measure.limit.is_some()) {
        true => html + &key(!spreads.is_empty()),
        false => html,
    }
}

/// On paper it comes again on each page.
const HEAD: &str = "<thead>\n<tr><th scope=\"col\">measure</th><th scope=\"col\">value<br>limit</th><th scope=\"col\">it is</th></tr>\n</thead>\n";

/// What the signs of a bar mean.
fn key(has_spreads: bool) -> String {
    let spread = if has_spreads { ", ├─┤ from the least to the most of all trials" } else { "" };
    let signs = "◆ the value, ✕ a value beyond its limit, │ the limit, ▨ where the value must not be";
    page::paragraph("soft key", format!("In a bar: {signs}{spread}."))
}

fn row(variant: Variant, measure: &Measure, spread: Option<&Spread>) -> String {
    let (name, value, limit) = (&measure.name, measure.told(), measure.told_limit());
    let bar = bar(measure, spread).map(|bar| bar.render()).unwrap_or_default();
    // A control's number is meant to be beyond.
    let (class, state) = match (measure.limit, measure.is_within(), variant) {
        (None, ..) => ("soft", "only told"),
        (_, true, _) => ("good", "✓ within"),
        (_, false, Variant::Real) => ("bad", "✗ beyond"),
        (_, false, Variant::Control) => ("", "✗ beyond"),
    };
    let (name, value, limit) = (escape(name), escape(&value), escape(&limit));
    format!(
        "<tr><td>{name}{bar}</td><td><b>{value}</b><br><span class=\"soft\">{limit}</span></td><td class=\"{class}\">{state}</td></tr>\n"
    )
}

/// None for a number that has no limit.
fn bar(measure: &Measure, spread: Option<&Spread>) -> Option<Bar> {
    let limit = match measure.limit? {
        experiments::Limit::AtMost(bound) => Limit::AtMost(bound),
        experiments::Limit::AtLeast(bound) => Limit::AtLeast(bound),
    };
    let spread = spread.map(|spread| (spread.least, spread.most));
    Some(Bar { value: measure.value, limit, spread })
}

/// How far the numbers of all trials went, and what each came to.
pub(super) fn spread(tried: &Tried) -> String {
    let row = |spread: Spread| {
        let told = |value: f64| Measure { value, ..spread.measure.clone() }.told();
        // On a phone there is no room for a column more.
        let (name, limit) = (&spread.measure.name, spread.measure.told_limit().replace(' ', "\u{a0}"));
        let name = if limit.is_empty() { name.clone() } else { format!("{name}: {limit}") };
        vec![name, told(spread.least), told(spread.median), told(spread.most)]
    };
    let rows: Vec<Vec<String>> = tried.spreads().into_iter().map(row).collect();
    let caption = format!("The numbers of {} trials.", tried.outcomes.len());
    let numbers = page::table(&caption, &["measure", "least", "median", "most"], &rows);
    let trials: Vec<Vec<String>> = tried.outcomes.iter().zip(1..).map(trial).collect();
    let trials =
        page::table("What each came to.", &["trial", "verdict", "seconds", "beyond its limit"], &trials);
    format!("<h3>All trials</h3>\n<div class=\"trials\">\n{numbers}{trials}</div>\n")
}

fn trial((outcome, number): (&Outcome, usize)) -> Vec<String> {
    let beyond = outcome.measures.iter().filter(|measure| !measure.is_within());
    let mut what: Vec<&str> = beyond.map(|measure| measure.name.as_str()).collect();
    what.extend(outcome.trouble.as_deref());
    let seconds = std::time::Duration::from_millis(outcome.took_ms).as_secs_f64();
    let is_good = outcome.is_as_expected();
    let verdict = format!("{} {}", if is_good { "✓" } else { "✗" }, verdict(outcome.variant, is_good));
    vec![number.to_string(), verdict, format!("{seconds:.1}"), what.join("; ")]
}
