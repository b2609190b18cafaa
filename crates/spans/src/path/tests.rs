use super::*;
use crate::testing::{Made, span, spans};

/// The spans on the path with their marks: `s1` to the answer, `s2+` to the last end.
fn marked(tree: &Tree) -> Vec<String> {
    let path = Path::of(tree);
    let marks = path.marks();
    let told = tree.nodes().iter().zip(marks.iter()).filter_map(|(node, mark)| {
        Some(match (*mark)? {
            Critical::Answer => node.span.name.clone(),
            Critical::End => format!("{}+", node.span.name),
        })
    });
    told.collect()
}

/// `s1 0-3`, in microseconds after the start.
fn told(tree: &Tree, segments: &[Segment]) -> Vec<String> {
    let after = |time: u64| (time - tree.start()) / 1_000;
    let one =
        |it: &Segment| format!("{} {}-{}", tree.nodes()[it.node].span.name, after(it.from), after(it.to));
    segments.iter().map(one).collect()
}

fn tree<const N: usize>(made: [Made; N]) -> Tree {
    Tree::of(spans(made))
}

#[test]
fn calls_one_after_the_other_are_all_on_the_path() {
    let tree = tree([
        span(1, None).at(0, 100),
        span(2, Some(1)).at(10, 40),
        span(3, Some(2)).at(15, 35),
        span(4, Some(1)).at(50, 90),
    ]);
    let path = Path::of(&tree);
    let expected = ["s1 0-10", "s2 10-15", "s3 15-35", "s2 35-40", "s1 40-50", "s4 50-90", "s1 90-100"];
    assert_eq!(told(&tree, &path.answer), expected);
    assert!(path.after.is_empty());
    assert_eq!(path.own(), [30_000, 10_000, 20_000, 40_000]);
    assert_eq!(path.own().iter().sum::<u64>(), 100_000, "the path is as long as the trace");
}

#[test]
fn of_calls_side_by_side_the_one_that_ended_last_counts() {
    let tree = tree([
        span(1, None).at(0, 100),
        span(2, Some(1)).at(10, 60),
        span(3, Some(1)).at(10, 90),
        span(4, Some(1)).at(20, 50),
        // Before both.
        span(5, Some(1)).at(2, 8),
    ]);
    assert_eq!(
        told(&tree, &Path::of(&tree).answer),
        ["s1 0-2", "s5 2-8", "s1 8-10", "s3 10-90", "s1 90-100"]
    );
}

#[test]
fn a_call_that_overlaps_the_one_after_it_is_not_what_was_waited_for() {
    let tree = tree([span(1, None).at(0, 100), span(2, Some(1)).at(10, 60), span(3, Some(1)).at(50, 95)]);
    assert_eq!(told(&tree, &Path::of(&tree).answer), ["s1 0-50", "s3 50-95", "s1 95-100"]);
}

#[test]
fn work_that_outlives_its_parent_counts_up_to_the_answer_and_again_to_the_last_end() {
    // An order whose caller was told PENDING: the saga goes on.
    let tree = tree([span(1, None).at(0, 50), span(2, Some(1)).at(5, 90), span(3, Some(2)).at(10, 80)]);
    let path = Path::of(&tree);
    assert_eq!(told(&tree, &path.answer), ["s1 0-5", "s2 5-10", "s3 10-50"]);
    assert_eq!(told(&tree, &path.after), ["s3 50-80", "s2 80-90"]);
}

#[test]
fn consumers_of_events_are_on_the_path_to_the_last_end_only() {
    let consumer = |id, parent| span(id, Some(parent)).of("b", Kind::Consumer);
    let tree = tree([
        span(1, None).at(0, 50),
        span(2, Some(1)).at(10, 40),
        // Applied while the answer was made, and what followed from it; then another that nobody follows.
        consumer(3, 2).at(45, 60),
        span(4, Some(3)).of("b", Kind::Client).at(50, 55),
        consumer(5, 4).at(70, 80),
        consumer(6, 2).at(46, 65),
    ]);
    assert_eq!(marked(&tree), ["s1", "s2", "s3+", "s4+", "s5+"]);
    let path = Path::of(&tree);
    assert_eq!(told(&tree, &path.answer), ["s1 0-10", "s2 10-40", "s1 40-50"]);
    assert_eq!(told(&tree, &path.after), ["s4 50-55", "s5 70-80"], "s3 was waited for by nobody before 50");
}

#[test]
fn a_consumer_that_ends_before_the_answer_is_on_no_path() {
    let tree = tree([
        span(1, None).at(0, 50),
        span(2, Some(1)).of("b", Kind::Consumer).at(10, 45),
        span(3, Some(1)).at(10, 20),
    ]);
    assert_eq!(marked(&tree), ["s1", "s3"]);
}

#[test]
fn a_clock_that_is_off_changes_nothing() {
    let with = |skew: u64| {
        tree([
            span(1, None).of("a", Kind::Server).at(20_000, 120_000),
            span(2, Some(1)).of("a", Kind::Client).at(30_000, 110_000),
            span(3, Some(2)).of("b", Kind::Server).at(skew + 40_000, skew + 100_000),
            span(4, Some(3)).of("b", Kind::Client).at(skew + 50_000, skew + 90_000),
        ])
    };
    let (right, ahead) = (with(0), with(500_000));
    assert_eq!(told(&right, &Path::of(&right).answer), told(&ahead, &Path::of(&ahead).answer));
    assert!(Path::of(&ahead).after.is_empty(), "nothing seems to end later");
}

#[test]
fn orphans_are_on_no_path_unless_there_is_no_root() {
    let with_root = tree([span(1, None).at(0, 50), span(2, Some(9)).at(10, 90), span(3, Some(2)).at(20, 80)]);
    assert_eq!(marked(&with_root), ["s1"]);
    let without = tree([span(2, Some(9)).at(10, 90), span(3, Some(2)).at(20, 80)]);
    assert_eq!(marked(&without), ["s2", "s3"]);
    assert_eq!(Path::of(&Tree::of(Vec::new())).segments().count(), 0);
}

#[test]
fn a_child_that_began_before_its_parent_counts_from_the_parents_start() {
    let tree = tree([span(1, None).at(10, 50), span(2, Some(1)).at(5, 40)]);
    let path = Path::of(&tree);
    let total: u64 = path.answer.iter().map(|it| it.to - it.from).sum();
    assert_eq!(marked(&tree), ["s1", "s2"]);
    assert!(total >= 40_000, "{path:?}");
}

#[test]
fn spans_without_a_duration_are_on_the_path_too() {
    let tree = tree([span(1, None).at(0, 10), span(2, Some(1)).at(5, 5)]);
    assert_eq!(marked(&tree), ["s1", "s2"]);
}
