use super::*;
use crate::testing::{span, spans};
use crate::{Kind, SpanId};

fn names(tree: &Tree) -> Vec<String> {
    tree.nodes().iter().map(|node| format!("{}{}", " ".repeat(node.depth), node.span.name)).collect()
}

#[test]
fn children_follow_their_parents_in_the_order_of_their_starts() {
    let tree = Tree::of(spans([
        span(4, Some(2)).at(6, 7),
        span(3, Some(1)).at(1, 2),
        span(2, Some(1)).at(5, 9),
        span(1, None).at(0, 10),
        span(5, Some(2)).at(5, 6),
    ]));
    assert_eq!(names(&tree), ["s1", " s3", " s2", "  s5", "  s4"]);
    assert_eq!(tree.nodes()[0].children, [1, 2]);
    assert!(tree.is_whole());
    assert_eq!((tree.end() - tree.start(), tree.answered()), (10_000, 10_000));
}

#[test]
fn orphans_follow_the_roots_and_a_trace_with_one_is_not_whole() {
    let tree =
        Tree::of(spans([span(2, Some(9)).at(0, 1), span(3, Some(2)).at(0, 1), span(1, None).at(5, 9)]));
    assert_eq!(names(&tree), ["s1", "s2", " s3"]);
    assert_eq!(tree.nodes()[1].place, Place::Orphan);
    assert!(!tree.is_whole());
    assert!(!Tree::of(spans([span(2, Some(9))])).is_whole());
    assert!(!Tree::of(Vec::new()).is_whole());
}

#[test]
fn a_parent_of_what_is_under_way_has_not_ended_unless_its_process_died() {
    let by = |instance: &str, id: u64, (from, to): (u64, u64)| {
        let mut made = span(id, Some(9)).of("orders", Kind::Client).at(from, to);
        instance.clone_into(&mut made.0.instance);
        made
    };
    let places = |tree: &Tree| {
        let named = tree.nodes().iter().map(|node| (node.span.name.clone(), node.place));
        named.collect::<Vec<_>>()
    };
    let said = |named: &[(&str, Place)]| {
        named.iter().map(|(name, place)| ((*name).to_owned(), *place)).collect::<Vec<_>>()
    };
    let tree = Tree::of(spans([span(1, None).at(0, 9), by("a", 2, (1, 2)), span(3, Some(2)).at(1, 2)]));
    assert_eq!(places(&tree)[1].1, Place::Orphan);
    let tree = tree.under_way();
    assert_eq!(places(&tree), said(&[("s1", Place::Root), ("s2", Place::UnderWay), ("s3", Place::Child)]));
    assert!(tree.has_root() && !tree.is_whole());

    let taken_up = Tree::of(spans([
        by("a", 2, (1, 2)),
        // Another service's answer to the process that died.
        span(3, Some(8)).of("shipping", Kind::Server).at(4, 5),
        by("b", 4, (6, 7)),
        by("b", 5, (8, 9)),
    ]));
    let expected =
        [("s2", Place::Orphan), ("s3", Place::Orphan), ("s4", Place::UnderWay), ("s5", Place::UnderWay)];
    let taken_up = taken_up.under_way();
    assert_eq!(places(&taken_up), said(&expected));
    assert!(!taken_up.has_root());
}

#[test]
fn of_two_spans_with_one_id_the_first_counts() {
    let tree = Tree::of(spans([span(1, None), span(1, None).named("other")]));
    assert_eq!(names(&tree), ["s1"]);
}

#[test]
fn a_circle_is_cut_at_its_earliest_span() {
    let tree = Tree::of(spans([
        span(1, Some(3)).at(5, 6),
        span(2, Some(1)).at(2, 3),
        span(3, Some(2)).at(7, 8),
        span(4, Some(4)).at(1, 9),
    ]));
    assert_eq!(names(&tree), ["s4", "s2", " s3", "  s1"]);
    assert!(tree.nodes().iter().all(|node| node.place != Place::Root));
}

#[test]
fn a_trace_may_be_as_deep_as_it_has_spans() {
    let deep = (1..=20_000_u64).map(|id| span(id, (id > 1).then(|| id - 1)).0).collect();
    let tree = Tree::of(deep);
    assert_eq!(tree.nodes().last().unwrap().depth, 19_999);
    assert!(!crate::Path::of(&tree).answer.is_empty());
}

#[test]
fn the_same_call_under_the_same_parent_is_counted() {
    let call = |id, parent, name| span(id, parent).named(name).of("a", Kind::Client);
    let tree = Tree::of(spans([
        span(1, None),
        call(2, Some(1), "p.S/Reserve").at(1, 2),
        call(3, Some(1), "p.S/Reserve").at(3, 4),
        call(4, Some(1), "p.S/Release").at(5, 6),
        call(5, Some(4), "p.S/Reserve").at(5, 6),
        call(8, Some(99), "p.S/Reserve").at(5, 6),
        call(9, Some(99), "p.S/Reserve").at(7, 8),
        call(6, Some(1), "read").at(7, 8).with("db.system.name", "sqlite"),
        call(7, Some(1), "read").at(8, 9).with("db.system.name", "sqlite"),
    ]));
    let again = |id: u64| {
        let id = SpanId::from_bytes(&id.to_be_bytes()).unwrap();
        tree.nodes().iter().find(|node| node.span.span_id == id).unwrap().again
    };
    assert_eq!((again(2), again(3)), (Some((1, 2)), Some((2, 2))));
    assert_eq!((again(8), again(9)), (Some((1, 2)), Some((2, 2))), "their parent is not here");
    assert_eq!([again(4), again(5), again(6), again(7)], [None; 4]);
}

fn offsets(tree: &Tree) -> Vec<(u64, u64)> {
    tree.nodes().iter().map(|node| (node.start / 1_000 % 1_000_000, node.end / 1_000 % 1_000_000)).collect()
}

#[test]
fn a_process_whose_clock_is_ahead_or_behind_is_moved_into_the_call() {
    for begin in [0, 40_000] {
        let tree = Tree::of(spans([
            span(1, None).of("a", Kind::Client).at(20_000, 30_000),
            span(2, Some(1)).of("b", Kind::Server).at(begin, begin + 4_000),
            span(3, Some(2)).of("b", Kind::Internal).at(begin + 1_000, begin + 2_000),
            // What the process did later, for an event, is moved with it.
            span(4, Some(3)).of("c", Kind::Internal).at(26_000, 27_000),
            span(5, Some(4)).of("b", Kind::Consumer).at(begin + 9_000, begin + 9_500),
        ]));
        let expected =
            [(20_000, 30_000), (23_000, 27_000), (24_000, 25_000), (26_000, 27_000), (32_000, 32_500)];
        assert_eq!(offsets(&tree), expected);
    }
}

#[test]
fn a_service_that_goes_on_after_its_caller_gave_up_is_believed() {
    let call = || span(1, None).of("a", Kind::Client).at(0, 10_000);
    let answer = || span(2, Some(1)).of("b", Kind::Server).at(1_000, 15_000);
    let gave_up = Tree::of(spans([call().failed(), answer()]));
    assert_eq!(offsets(&gave_up)[1], (1_000, 15_000));
    let late_by_little = Tree::of(spans([call(), span(2, Some(1)).of("b", Kind::Server).at(1_000, 10_900)]));
    assert_eq!(offsets(&late_by_little)[1], (1_000, 10_900));
}

#[test]
fn times_that_cannot_be_do_no_harm() {
    let mut extreme = spans([
        span(1, None).of("a", Kind::Client),
        span(2, Some(1)).of("b", Kind::Server),
        span(3, Some(2)).of("c", Kind::Server),
    ]);
    (extreme[0].start, extreme[0].end) = (u64::MAX, 0);
    (extreme[1].start, extreme[1].end) = (0, u64::MAX);
    (extreme[2].start, extreme[2].end) = (0, 0);
    let tree = Tree::of(extreme);
    assert!(tree.nodes().iter().all(|node| node.start <= node.end));
    assert!(crate::Path::of(&tree).segments().all(|part| part.from <= part.to));
}
