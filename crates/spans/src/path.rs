use std::cmp::Reverse;

use crate::{Kind, Node, Tree};

/// The critical path: the chain of spans that determined when a trace ended.
///
/// A trace ends twice: when its first root ends, which is the answer to who asked; and when its last span ends, which is when
/// all events of it are applied. Each has a path, found backwards from that end:
///
/// - In a span, from a time `t` back: of the children that had begun before `t`, the one that ended last determined `t`; the
///   time between its end and `t` is the span's own. The walk goes on within the child, and then in the span from the child's
///   start back, among children that had ended by then. What ran beside is not on the path. A child that still ran at `t`
///   counts as ended at `t`: its parent gave up waiting, or went on without it.
/// - Nobody waits for a consumer of events, so it is on no path to the answer. On the path to the last end, the walk begins in
///   the span that ended last and, at that span's start, goes on in its parent, from the earlier of the span's start and the
///   parent's end; and so up to the root. The time between a parent's end and its consumer's start is on no span: the event
///   was under way.
///
/// Times are those of the tree, so clocks are corrected. Orphans are on no path: nobody knows what they wait for. Where no root
/// is there, the earliest orphan counts as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The path to the answer, in the order of time.
    pub answer: Vec<Segment>,
    /// What the path to the last end has after the answer, in the order of time.
    pub after: Vec<Segment>,
    /// By place in the tree.
    marks: Vec<Option<Critical>>,
}

/// A span's own part of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which span, by its place in the tree.
    pub node: usize,
    /// From when, in nanoseconds since 1970.
    pub from: u64,
    /// Until when, likewise.
    pub to: u64,
}

/// What a span on the path determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Critical {
    /// When the answer came, and perhaps the last end.
    Answer,
    /// When the last span ended.
    End,
}

impl Path {
    /// The critical path of a tree.
    pub fn of(tree: &Tree) -> Self {
        let nodes = tree.nodes();
        let answer = nodes.first().map_or_else(Vec::new, |root| walk(nodes, 0, root.end));
        let answered = nodes.first().map_or(0, |root| root.end);
        let mut after = to_the_last_end(nodes);
        let marks = marks(nodes.len(), &answer, &after);
        after.retain_mut(|segment| {
            segment.from = segment.from.max(answered);
            segment.to > segment.from || is_late_instant(*segment, answered)
        });
        Self { answer, after, marks }
    }

    /// What each span determined, by its place in the tree.
    pub fn marks(&self) -> &[Option<Critical>] {
        &self.marks
    }

    /// How much of the path is each span's own, in nanoseconds, by its place in the tree.
    pub fn own(&self) -> Vec<u64> {
        let mut own = vec![0_u64; self.marks.len()];
        for segment in self.segments() {
            if let Some(it) = own.get_mut(segment.node) {
                *it = it.saturating_add(segment.to - segment.from);
            }
        }
        own
    }

    /// Both parts, in the order of time.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.answer.iter().chain(&self.after)
    }
}

/// The whole chain to the last end counts, what it has before the answer too.
fn marks(spans: usize, answer: &[Segment], end: &[Segment]) -> Vec<Option<Critical>> {
    let mut marks = vec![None; spans];
    let end = end.iter().map(|segment| (segment, Critical::End));
    for (segment, mark) in end.chain(answer.iter().map(|segment| (segment, Critical::Answer))) {
        if let Some(it) = marks.get_mut(segment.node) {
            *it = Some(mark);
        }
    }
    marks
}

/// Spans may take no time.
fn is_late_instant(segment: Segment, answered: u64) -> bool {
    segment.to == segment.from && segment.from > answered
}

fn to_the_last_end(nodes: &[Node]) -> Vec<Segment> {
    let below_root = nodes.iter().enumerate().take_while(|(at, node)| *at == 0 || node.depth > 0);
    let Some((last, node)) = below_root.max_by_key(|(at, node)| (node.end, Reverse(*at))) else {
        return Vec::new();
    };
    let mut parts = vec![walk(nodes, last, node.end)];
    let mut child = node;
    while let Some(parent) = child.parent {
        let until = child.start.min(nodes[parent].end);
        parts.push(walk(nodes, parent, until));
        child = &nodes[parent];
    }
    parts.reverse();
    parts.concat()
}

/// A span that is walked through backwards.
struct Frame {
    node: usize,
    /// How far the walk has come.
    at: u64,
    /// Children with their ends, the last to end at the end.
    children: Vec<(u64, usize)>,
}

impl Frame {
    fn enter(nodes: &[Node], node: usize, until: u64) -> Self {
        let ended = |child: &usize| (nodes[*child].end.min(until), *child);
        let waited_for = |child: &&usize| {
            let child = &nodes[**child];
            child.span.kind != Kind::Consumer && child.start < until
        };
        let mut children: Vec<(u64, usize)> =
            nodes[node].children.iter().filter(waited_for).map(ended).collect();
        // Of those that end together, the one that began first was waited for longest.
        children.sort_by_key(|(end, child)| (*end, Reverse(nodes[*child].start)));
        Self { node, at: until.min(nodes[node].end), children }
    }

    /// The child that determined where the walk stands.
    fn next(&mut self) -> Option<(u64, usize)> {
        while let Some((end, child)) = self.children.pop() {
            if end <= self.at {
                return Some((end, child));
            }
        }
        None
    }
}

/// Backwards through a span from a time; without recursion, since a trace may be very deep.
fn walk(nodes: &[Node], node: usize, until: u64) -> Vec<Segment> {
    let mut path = Vec::new();
    let mut stack = vec![Frame::enter(nodes, node, until)];
    while let Some(mut frame) = stack.pop() {
        let start = nodes[frame.node].start;
        match frame.next() {
            Some((end, child)) => {
                path.extend(own(frame.node, end.max(start), frame.at));
                frame.at = nodes[child].start.clamp(start.min(frame.at), frame.at);
                stack.push(frame);
                stack.push(Frame::enter(nodes, child, end));
            }
            // A span without a part of its own is on the path all the same.
            None => path.push(Segment { node: frame.node, from: start.min(frame.at), to: frame.at }),
        }
    }
    path.reverse();
    path
}

fn own(node: usize, from: u64, to: u64) -> Option<Segment> {
    (from < to).then_some(Segment { node, from, to })
}

#[cfg(test)]
mod tests;
