//! A report as a page: what is claimed, what was done, what was measured, and how anyone can see it again.

mod bar;
mod measures;
mod pictures;

use jiff::Timestamp;
use madang_experiments::{Experiment, Outcome, Variant};

use super::report::{Report, Tried, cores, verdict};
use crate::page::{document, escape, paragraph};

const STYLE: &str = include_str!("html/prove.css");

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut main = summary(report);
    for tried in &report.tried {
        main += &section(report.variant, tried);
    }
    document(&format!("madang prove: {}", report.said()), STYLE, &main)
}

fn summary(report: &Report) -> String {
    let at = Timestamp::from_second(report.at)
        .map_or_else(|_| "?".to_owned(), |at| at.strftime("%F %H:%M UTC").to_string());
    let times = if report.repeat == 1 { "once".to_owned() } else { format!("{} times", report.repeat) };
    let place = match report.is_local() {
        true => format!("on one machine with {} cores; each trial had a shop of its own", cores()),
        false => format!("on the shop in the cluster {}", report.place),
    };
    let how = format!("Tried {times} each, at {at}, by Madang {}, {place}.", env!("CARGO_PKG_VERSION"));
    let mut text = paragraph("soft", how);
    if report.variant == Variant::Control {
        let control = "These are the controls: the mechanism that a claim rests on was taken away. Now each hypothesis must be refuted; one that still holds could not fail, and proves nothing.";
        text += &paragraph("", control);
    }
    text += "<table class=\"summary\">\n<tr><th scope=\"col\">verdict</th><th scope=\"col\">claim</th><th scope=\"col\">trials</th></tr>\n";
    for tried in &report.tried {
        let Experiment { id, claim, .. } = tried.experiment;
        let (id, claim) = (escape(id), escape(claim));
        let good = tried.outcomes.iter().filter(|outcome| outcome.is_as_expected()).count();
        let (verdict, all) = (stamp(report.variant, tried.is_as_expected()), tried.outcomes.len());
        text += &format!(
            "<tr><td>{verdict}</td><td><a href=\"#{id}\">{id}</a><br>{claim}</td><td>{good} of {all}</td></tr>\n"
        );
    }
    for (experiment, why) in &report.skipped {
        let (id, why) = (escape(experiment.id), escape(why));
        text += &format!(
            "<tr><td><span class=\"stamp\">SKIPPED</span></td><td>{id}<br>{why}</td><td>0</td></tr>\n"
        );
    }
    text + "</table>\n"
}

/// A verdict, by a sign and in words.
fn stamp(variant: Variant, is_as_expected: bool) -> String {
    let (class, sign) = if is_as_expected { ("good", "✓") } else { ("bad", "✗") };
    format!("<span class=\"stamp {class}\">{sign} {}</span>", verdict(variant, is_as_expected))
}

/// All of an experiment.
fn section(variant: Variant, tried: &Tried) -> String {
    let it = tried.experiment;
    let (id, stamp) = (escape(it.id), stamp(variant, tried.is_as_expected()));
    let mut text = format!("<section id=\"{id}\">\n<h2>{stamp} {id}</h2>\n");
    text += &paragraph("claim", it.claim);
    text += &format!("<h3>Hypothesis</h3>\n{}", paragraph("", it.hypothesis));
    if variant == Variant::Control {
        text += &format!("<h3>What was taken away</h3>\n{}", paragraph("", it.control));
    }
    text += &format!("<h3>What was done</h3>\n{}", list("ol", it.steps, ""));
    text += &match tried.shown() {
        Some((number, outcome)) => trial(tried, (number, outcome)),
        None => paragraph("bad", "It was not tried."),
    };
    if tried.outcomes.len() > 1 {
        text += &measures::spread(tried);
    }
    if variant == Variant::Real {
        let how = format!("Without what it rests on it must be refuted: madang prove --controls {}", it.id);
        text += &format!("<h3>Its control</h3>\n{}{}", paragraph("", it.control), paragraph("soft", how));
    }
    let commands: String = it.by_hand.iter().map(|it| format!("<code>{}</code>", escape(it))).collect();
    text += &format!("<h3>By hand</h3>\n<pre>{commands}</pre>\n");
    text += &format!("<h3>What makes it hold</h3>\n{}", list("ul", it.code, "code"));
    text + "</section>\n"
}

/// The picture and the measures of one trial.
fn trial(tried: &Tried, (number, outcome): (usize, &Outcome)) -> String {
    let mut text = "<h3>What happened</h3>\n".to_owned();
    if tried.outcomes.len() > 1 {
        let why =
            if outcome.is_as_expected() { "" } else { ", the first that did not come out as it should" };
        text += &paragraph("soft", format!("This is trial {} of {}{why}.", number + 1, tried.outcomes.len()));
    }
    if let Some(trouble) = &outcome.trouble {
        text += &paragraph("bad", format!("✗ It did not come to its end: {trouble}"));
    }
    text += &pictures::all(outcome);
    text + &measures::table(tried, outcome)
}

/// Texts as a list; in an element each, where one is named.
fn list(kind: &str, items: &[&str], element: &str) -> String {
    let (begin, end) = match element {
        "" => (String::new(), String::new()),
        name => (format!("<{name}>"), format!("</{name}>")),
    };
    let items: String = items.iter().map(|it| format!("<li>{begin}{}{end}</li>\n", escape(it))).collect();
    format!("<{kind}>\n{items}</{kind}>\n")
}

#[cfg(test)]
mod readme;
#[cfg(test)]
mod tests;
