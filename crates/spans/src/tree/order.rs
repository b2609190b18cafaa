use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Node, Place};
use crate::SpanId;

/// Links children to parents, cuts circles, and answers all nodes in an order in which each comes after its parent.
pub(super) fn link(nodes: &mut [Node]) -> Vec<usize> {
    let by_id: HashMap<SpanId, usize> =
        nodes.iter().enumerate().map(|(at, node)| (node.span.span_id, at)).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        let Some(parent) = node.span.parent else { continue };
        node.parent = by_id.get(&parent).copied().filter(|parent| *parent != at);
        node.place = if node.parent.is_some() { Place::Child } else { Place::Orphan };
    }
    let parents: Vec<(usize, usize)> =
        nodes.iter().enumerate().filter_map(|(at, node)| Some((node.parent?, at))).collect();
    for (parent, at) in parents {
        if let Some(parent) = nodes.get_mut(parent) {
            parent.children.push(at);
        }
    }
    below_all(nodes)
}

/// Who is in no tree is in a circle, or below one.
fn below_all(nodes: &mut [Node]) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut reached = vec![false; nodes.len()];
    let mut tops: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].parent.is_none()).collect();
    below(nodes, tops.iter().copied(), (&mut order, &mut reached));
    tops = (0..nodes.len()).filter(|at| !reached[*at]).collect();
    tops.sort_by_key(|at| nodes[*at].start);
    for top in tops {
        if reached[top] {
            continue;
        }
        if let Some(parent) = nodes[top].parent.take() {
            nodes[parent].children.retain(|child| *child != top);
        }
        nodes[top].place = Place::Orphan;
        below(nodes, std::iter::once(top), (&mut order, &mut reached));
    }
    order
}

fn below(
    nodes: &[Node],
    tops: impl Iterator<Item = usize>,
    (order, reached): (&mut Vec<usize>, &mut [bool]),
) {
    let mut next = order.len();
    order.extend(tops);
    while let Some(at) = order.get(next).copied() {
        next += 1;
        if !std::mem::replace(&mut reached[at], true) {
            order.extend(&nodes[at].children);
        }
    }
}

/// Depth first; roots before orphans, and all in the order of their starts. It does not recurse: a trace may be very deep.
pub(super) fn depth_first(nodes: Vec<Node>) -> Vec<Node> {
    let key = |at: &usize| {
        let node = &nodes[*at];
        (node.place == Place::Orphan, node.start, Reverse(node.end), node.span.span_id)
    };
    let mut stack: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].parent.is_none()).collect();
    stack.sort_by_key(|at| Reverse(key(at)));
    let (mut order, mut place_of) = (Vec::with_capacity(nodes.len()), vec![0; nodes.len()]);
    while let Some(at) = stack.pop() {
        place_of[at] = order.len();
        order.push(at);
        let mut children = nodes[at].children.clone();
        children.sort_by_key(|at| Reverse(key(at)));
        stack.extend(children);
    }
    let mut taken: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut sorted: Vec<Node> = order.into_iter().filter_map(|at| taken.get_mut(at)?.take()).collect();
    for at in 0..sorted.len() {
        let parent = sorted[at].parent.map(|parent| place_of[parent]);
        sorted[at].parent = parent;
        sorted[at].depth = parent.map_or(0, |parent| sorted[parent].depth + 1);
        sorted[at].children.iter_mut().for_each(|child| *child = place_of[*child]);
        sorted[at].children.sort_unstable();
    }
    sorted
}
