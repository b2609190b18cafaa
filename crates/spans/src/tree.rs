mod clocks;
mod order;

use std::collections::HashMap;

use crate::Span;

/// The spans of one trace, depth first: each parent before its children, children in the order of their starts. The first of all
/// is the root whose end is the answer; what has no parent in the trace follows the roots.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A span in its tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The span, with the times that its service told.
    pub span: Span,
    /// Whether it has a parent, and should have.
    pub place: Place,
    /// How many spans are above it.
    pub depth: usize,
    /// Its parent.
    pub parent: Option<usize>,
    /// Its children.
    pub children: Vec<usize>,
    /// Its start, in nanoseconds since 1970, by the clock of the root.
    pub start: u64,
    /// Its end, likewise.
    pub end: u64,
    /// Which of how many calls of the same name under the same parent it is, from 1, where there are several: a call that was
    /// tried again.
    pub again: Option<(usize, usize)>,
}

/// Whether a span has a parent, and should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is the first of a trace.
    Root,
    /// Its parent is there.
    Child,
    /// It names a parent that is not there.
    Orphan,
}

impl Tree {
    /// The tree of a trace's spans. Of two with one id the first counts; a circle is cut at its earliest span, which is an
    /// orphan then.
    pub fn of(spans: Vec<Span>) -> Self {
        let mut nodes = unique(spans);
        let above = order::link(&mut nodes);
        clocks::correct(&mut nodes, &above);
        let mut tree = Self { nodes: order::depth_first(nodes) };
        tree.count_repeats();
        tree
    }

    /// All spans.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The earliest start, in nanoseconds since 1970; 0 where there is no span.
    pub fn start(&self) -> u64 {
        self.nodes.iter().map(|node| node.start).min().unwrap_or_default()
    }

    /// The latest end, likewise.
    pub fn end(&self) -> u64 {
        self.nodes.iter().map(|node| node.end).max().unwrap_or_default()
    }

    /// How long after the start the first root ended, in nanoseconds: then the caller had its answer.
    pub fn answered(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.end.saturating_sub(self.start()))
    }

    /// Whether a root is there, and the parent of each other span.
    pub fn is_whole(&self) -> bool {
        self.nodes.first().is_some_and(|first| first.place == Place::Root)
            && self.nodes.iter().all(|node| node.place != Place::Orphan)
    }

    /// Whether the trace shows a request that only read something, such as that of somebody who looks at an order.
    pub fn only_reads(&self) -> bool {
        !self.nodes.iter().any(|node| node.span.may_change())
    }

    /// The first order that a span names.
    pub fn order_id(&self) -> Option<&str> {
        self.nodes.iter().find_map(|node| node.span.order_id())
    }

    /// The services, in the order in which they came in.
    pub fn services(&self) -> Vec<&str> {
        let mut by_start: Vec<&Node> = self.nodes.iter().collect();
        by_start.sort_by_key(|node| node.start);
        let mut services = Vec::new();
        for node in by_start {
            if !services.contains(&node.span.service.as_str()) {
                services.push(&node.span.service);
            }
        }
        services
    }

    fn count_repeats(&mut self) {
        let mut calls: HashMap<(Option<usize>, &str, &str, &str), Vec<usize>> = HashMap::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.span.is_call()) {
            let Span { service, name, kind, .. } = &node.span;
            calls.entry((node.parent, service, name, kind.name())).or_default().push(at);
        }
        let repeated: Vec<Vec<usize>> = calls.into_values().filter(|calls| calls.len() > 1).collect();
        for calls in repeated {
            // Roots are requests of their own.
            let calls = calls.iter().filter(|at| self.nodes.get(**at).is_some_and(|it| it.parent.is_some()));
            let calls: Vec<usize> = calls.copied().collect();
            for (nth, at) in calls.iter().enumerate() {
                if let Some(node) = self.nodes.get_mut(*at) {
                    node.again = Some((nth + 1, calls.len()));
                }
            }
        }
    }
}

fn unique(spans: Vec<Span>) -> Vec<Node> {
    let mut seen = std::collections::HashSet::new();
    let first = spans.into_iter().filter(|span| seen.insert(span.span_id));
    let node = |span: Span| Node {
        place: Place::Root,
        depth: 0,
        parent: None,
        children: Vec::new(),
        start: span.start,
        end: span.end.max(span.start),
        again: None,
        span,
    };
    first.map(node).collect()
}

#[cfg(test)]
mod tests;
