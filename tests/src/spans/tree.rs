use std::collections::{BTreeMap, BTreeSet};

use super::Span;

/// The tree of some spans as text: for each span its service, its name, and why it failed. Siblings stand in the order of
/// services and names, and equal ones as one, so that the text is the same however the work was interleaved.
pub fn tree(spans: &[Span]) -> String {
    let known: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    let roots = spans.iter().filter(|span| !known.contains(span.parent.as_str()));
    let mut lines = Vec::new();
    below(&mut lines, spans, roots.collect(), 0);
    lines.join("\n")
}

/// Spans whose parent is named but not there.
pub fn orphans(spans: &[Span]) -> Vec<&Span> {
    let known: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    spans.iter().filter(|span| !span.parent.is_empty() && !known.contains(span.parent.as_str())).collect()
}

/// The saga that was taken up last after its process died, and all below it, the saga first; nothing where there is none.
pub fn resumed(spans: &[Span]) -> Vec<Span> {
    let is_resumed = |span: &&Span| span.attributes.get("madang.saga.resumed").is_some_and(|it| it == "true");
    let saga = spans.iter().filter(is_resumed).max_by_key(|span| span.start);
    saga.map_or_else(Vec::new, |saga| subtree(spans, saga))
}

/// A span and all below it, the span first.
fn subtree(spans: &[Span], top: &Span) -> Vec<Span> {
    let children = spans.iter().filter(|span| span.parent == top.id);
    let all: Vec<Span> = children.flat_map(|child| subtree(spans, child)).collect();
    [vec![top.clone()], all].concat()
}

/// The same spans without some, such as proxies': what was below one of those is below what that was below. With each is told
/// how many stood in between.
pub fn without(spans: &[Span], is_out: impl Fn(&Span) -> bool) -> Vec<(usize, Span)> {
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let stays = |span: &&Span| !is_out(span);
    let mut left = Vec::new();
    for span in spans.iter().filter(stays) {
        let (mut between, mut parent) = (0, span.parent.as_str());
        while let Some(above) = by_id.get(parent).filter(|above| is_out(above)) {
            (between, parent) = (between + 1, above.parent.as_str());
        }
        left.push((between, Span { parent: parent.to_owned(), ..span.clone() }));
    }
    left
}

fn below(lines: &mut Vec<String>, spans: &[Span], siblings: Vec<&Span>, depth: usize) {
    let mut subtrees = BTreeMap::new();
    for span in siblings {
        let mut subtree = vec![format!("{}{}", "  ".repeat(depth), line(span))];
        let children = spans.iter().filter(|child| child.parent == span.id);
        below(&mut subtree, spans, children.collect(), depth + 1);
        subtrees.insert(subtree, ());
    }
    lines.extend(subtrees.into_keys().flatten());
}

fn line(span: &Span) -> String {
    let name = span.name.rsplit_once('.').map_or(span.name.as_str(), |(_, name)| name);
    let why = span.attributes.get("error.type").map(|why| format!(" {why}")).unwrap_or_default();
    let mark = if span.is_error { " !" } else { "" };
    format!("{}: {name}{why}{mark}", span.service)
}
