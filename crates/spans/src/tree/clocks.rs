use std::collections::HashMap;

use super::Node;
use crate::{Kind, Outcome};

/// So much later than its call a service may end, in nanoseconds: it notes its own end after the answer left.
const SLACK: u64 = 1_000_000;

/// Corrects times of processes whose clocks differ from that of their caller.
///
/// A clock is known to be off where a call contradicts it: a service that began to answer before it was asked, or that still
/// answered when its caller had the answer, unless the caller gave up. Its span is then moved into the middle of the call, and
/// so is all else that the same process did. What has no such call is believed.
pub(super) fn correct(nodes: &mut [Node], parents_first: &[usize]) {
    let mut known: HashMap<(String, String), i64> = HashMap::new();
    // Events that a process handled may stand before the call that tells of its clock.
    for _ in 0..2 {
        for at in parents_first {
            let shift = shift(nodes, *at, &mut known);
            let node = &mut nodes[*at];
            node.start = node.span.start.saturating_add_signed(shift);
            node.end = node.span.end.max(node.span.start).saturating_add_signed(shift);
        }
    }
}

fn shift(nodes: &[Node], at: usize, known: &mut HashMap<(String, String), i64>) -> i64 {
    let node = &nodes[at];
    let process = (node.span.service.clone(), node.span.instance.clone());
    let Some(parent) = node.parent.map(|parent| &nodes[parent]) else {
        return known.get(&process).copied().unwrap_or_default();
    };
    if (&parent.span.service, &parent.span.instance) == (&process.0, &process.1) {
        return difference(parent.start, parent.span.start);
    }
    let before = known.get(&process).copied().unwrap_or_default();
    let is_answer = node.span.kind == Kind::Server && parent.span.kind == Kind::Client;
    if !is_answer || fits(parent, node, before) {
        return before;
    }
    let room = parent.end.saturating_sub(parent.start).saturating_sub(node.span.duration());
    let shift = difference(parent.start.saturating_add(room / 2), node.span.start);
    known.insert(process, shift);
    shift
}

fn fits(call: &Node, answer: &Node, shift: i64) -> bool {
    let start = answer.span.start.saturating_add_signed(shift);
    let end = answer.span.end.saturating_add_signed(shift);
    let gave_up = matches!(call.span.outcome, Outcome::Error(_));
    start >= call.start && (gave_up || end <= call.end.saturating_add(SLACK))
}

fn difference(one: u64, other: u64) -> i64 {
    let difference = i128::from(one) - i128::from(other);
    i64::try_from(difference).unwrap_or_default()
}
