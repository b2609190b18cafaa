mod clocks;
mod order;

use std::collections::HashMap;

use crate::{Kind, Span, SpanId};

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
    /// It names a parent that has not ended yet.
    UnderWay,
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

    /// The same where its work goes on: what has no parent here has one that has not ended yet. It is an orphan all the same where
    /// it began before another process of its service took the work up, since the first one died then.
    #[must_use]
    pub fn under_way(mut self) -> Self {
        let since = self.taken_up();
        for node in self.nodes.iter_mut().filter(|node| node.place == Place::Orphan && node.start >= since) {
            node.place = Place::UnderWay;
        }
        self
    }

    /// When the youngest process began that took up what another of its service had begun; 0 where none did. What is no answer and
    /// no event's consumer has its parent in its own process.
    fn taken_up(&self) -> u64 {
        let mut began: HashMap<&str, HashMap<&str, u64>> = HashMap::new();
        let is_own = |node: &&Node| !matches!(node.span.kind, Kind::Server | Kind::Consumer);
        for node in self.nodes.iter().filter(|node| node.place == Place::Orphan).filter(is_own) {
            let processes = began.entry(&node.span.service).or_default();
            let first = processes.entry(&node.span.instance).or_insert(node.start);
            *first = node.start.min(*first);
        }
        let several = began.into_values().filter(|processes| processes.len() > 1);
        several.flat_map(HashMap::into_values).max().unwrap_or_default()
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

    /// Whether a root is there, so that who asked had an answer.
    pub fn has_root(&self) -> bool {
        self.nodes.first().is_some_and(|first| first.place == Place::Root)
    }

    /// How long after the start the first root ended, in nanoseconds: then the caller had its answer.
    pub fn answered(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.end.saturating_sub(self.start()))
    }

    /// Whether a root is there, and the parent of each other span.
    pub fn is_whole(&self) -> bool {
        self.has_root() && self.nodes.iter().all(|node| matches!(node.place, Place::Root | Place::Child))
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
        let mut calls: HashMap<(SpanId, &str, &str, &str), Vec<usize>> = HashMap::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.span.is_call()) {
            // Roots are requests of their own. A parent that is not here has repeats all the same.
            let Span { parent: Some(parent), service, name, kind, .. } = &node.span else { continue };
            calls.entry((*parent, service, name, kind.name())).or_default().push(at);
        }
        let repeated: Vec<Vec<usize>> = calls.into_values().filter(|calls| calls.len() > 1).collect();
        for calls in repeated {
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
