//! Traces as text.

use anstyle::Style;
use madang_api::orders::v1::Order;
use madang_spans::{Critical, Event, Kind, Node, Path, Place, Span, Tree, duration};

use super::settle::Found;
use crate::order::show::{outcome, style};
use crate::output::{BAD, Cell, FAINT, PLAIN, STRONG, Table, WAITS, excerpt, styled};

/// Spans that are named as what took the path's time.
const NAMED: usize = 5;
/// Letters of what others say, at most.
const WORDS: usize = 120;
/// Levels of a tree that are drawn.
const LEVELS: usize = 24;

/// Traces for people.
pub(super) fn text(order: Option<&Order>, found: &Found) -> String {
    let mut text = order.map_or_else(String::new, |order| {
        format!("order {}: {}\n", order.order_id, styled(style(order.state()), &outcome(order)))
    });
    for tree in &found.traces {
        let path = Path::of(tree);
        text += &format!("{}{}{}", head(tree), table(tree, &path).render(), critical(tree, &path));
    }
    text
}

fn head(tree: &Tree) -> String {
    let trace = tree.nodes().first().map(|node| node.span.trace_id.to_string()).unwrap_or_default();
    let whole = tree.end() - tree.start();
    let after = match whole > tree.answered() {
        true => format!(", last span ended after {}", styled(STRONG, &duration(whole))),
        false => String::new(),
    };
    let answered = match tree.has_root() {
        true => format!("answered after {}", styled(STRONG, &duration(tree.answered()))),
        false => "no answer here".to_owned(),
    };
    let services = tree.services().len();
    format!(
        "\ntrace {trace}, began {}\n{answered}{after}; {} spans of {services} services\n",
        time(tree.start()),
        tree.nodes().len(),
    )
}

fn table(tree: &Tree, path: &Path) -> Table {
    let mut table = Table::new(["", ">after", ">took", "service", "span"]);
    for (at, node) in tree.nodes().iter().enumerate() {
        let mark = path.marks().get(at).copied().flatten();
        let style = if node.span.is_error() { BAD } else { PLAIN };
        table.row([
            Cell::new(STRONG, mark.map_or(" ", symbol)),
            Cell::number(duration(node.start - tree.start())),
            Cell::number(duration(node.end - node.start)),
            Cell::new(style, excerpt(&node.span.service, 40)),
            branch(tree, node, mark).into(),
        ]);
        for event in &node.span.events {
            table.row([" ".into(), "".into(), "".into(), "".into(), happened(tree, node, event).into()]);
        }
    }
    table
}

pub(super) fn symbol(critical: Critical) -> &'static str {
    match critical {
        Critical::Answer => "◆",
        Critical::End => "◇",
    }
}

/// The span with its place in the tree, and what is to be said of it.
fn branch(tree: &Tree, node: &Node, mark: Option<Critical>) -> String {
    let span = &node.span;
    let name_style = match mark {
        _ if span.is_error() => BAD,
        Some(_) => STRONG,
        None => PLAIN,
    };
    let name = styled(name_style, &excerpt(span.short_name(), WORDS));
    let mut text = format!("{}{}{name}", styled(FAINT, &lines(tree, node)), side(span));
    let mut say = |style: Style, words: String| text += &format!("  {}", styled(style, &words));
    if let Some(failure) = span.failure() {
        say(BAD, format!("✕ {}", excerpt(&failure, WORDS)));
    }
    if let Some((nth, of)) = node.again.filter(|(nth, _)| *nth > 1) {
        say(WAITS, format!("again, {nth} of {of}"));
    }
    match node.place {
        Place::Orphan => say(WAITS, "no parent here".to_owned()),
        Place::UnderWay => say(WAITS, "its parent is under way".to_owned()),
        Place::Root | Place::Child => {}
    }
    if node.start != span.start {
        say(FAINT, format!("clock moved by {}", duration(node.start.abs_diff(span.start))));
    }
    text
}

fn side(span: &Span) -> &'static str {
    match span.kind {
        Kind::Client if span.is_call() => "→ ",
        Kind::Producer | Kind::Consumer => "⇢ ",
        Kind::Client | Kind::Server | Kind::Internal | Kind::Unspecified => "",
    }
}

fn happened(tree: &Tree, node: &Node, event: &Event) -> String {
    let level = event.level().unwrap_or_default();
    let style = if level == "ERROR" || event.name == "exception" { BAD } else { WAITS };
    let others = event.attributes.iter().filter(|(name, _)| name != "level" && name != "severity");
    let others: String = others.map(|(name, value)| format!(" {name}={value}")).collect();
    let after = duration(event.time.saturating_sub(node.span.start));
    let told = excerpt(&format!("{}{others}", event.name), WORDS);
    let below = below(tree, node);
    format!(
        "{}{} {told} {}",
        styled(FAINT, &below),
        styled(style, &format!("! {level}")),
        styled(FAINT, &format!("(+{after})"))
    )
}

/// What leads to a span from those above it: `│ └ `.
fn lines(tree: &Tree, node: &Node) -> String {
    let Some(parent) = node.parent else { return String::new() };
    let own = if is_last(tree, parent, node) { "└ " } else { "├ " };
    tree.nodes().get(parent).map_or_else(String::new, |parent| below(tree, parent)) + own
}

/// What stands before a line below a span.
fn below(tree: &Tree, node: &Node) -> String {
    let mut parts = Vec::new();
    let mut child = node;
    while let Some(parent) = child.parent {
        parts.push(if is_last(tree, parent, child) { "  " } else { "│ " });
        match tree.nodes().get(parent) {
            Some(node) => child = node,
            None => break,
        }
    }
    if parts.len() > LEVELS {
        parts.truncate(LEVELS);
        parts.push("… ");
    }
    parts.reverse();
    parts.concat()
}

fn is_last(tree: &Tree, parent: usize, node: &Node) -> bool {
    let last = tree.nodes().get(parent).and_then(|parent| parent.children.last());
    last.and_then(|last| tree.nodes().get(*last)).is_some_and(|last| last.span.span_id == node.span.span_id)
}

/// What took the time of the critical path.
fn critical(tree: &Tree, path: &Path) -> String {
    let own = path.own();
    let mut named: Vec<(u64, &Node)> =
        own.into_iter().zip(tree.nodes()).filter(|(own, _)| *own > 0).collect();
    named.sort_by_key(|(own, _)| std::cmp::Reverse(*own));
    let whole: u64 = named.iter().map(|(own, _)| own).sum();
    let mut table = Table::new([">own", ">%", "service", "most of the critical path"]);
    for (own, node) in named.into_iter().take(NAMED) {
        let (service, name) = (excerpt(&node.span.service, 40), excerpt(node.span.short_name(), WORDS));
        let share = own.saturating_mul(100) / whole.max(1);
        table.row([Cell::number(duration(own)), Cell::number(share), service.into(), name.into()]);
    }
    format!("\n{}", table.render())
}

/// A time of day, from nanoseconds since 1970.
pub(super) fn time(nanoseconds: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests;
