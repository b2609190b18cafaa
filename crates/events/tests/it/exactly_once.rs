//! Whatever is delivered and whatever fails: each event takes effect once, and those of a key in order.

use std::collections::BTreeMap;

use madang_chassis::Network;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::script::{Script, Step};
use crate::world::{Consumer, FOR_EVER, Fault, Recorder, effects};

const EVENTS: usize = 12;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(1..=EVENTS as i64, 1..8).prop_map(Step::Batch),
        4 => (1..=EVENTS as i64, 1..6_i64)
            .prop_map(|(from, count)| Step::Batch((from..(from + count).min(EVENTS as i64 + 1)).collect())),
        1 => Just(Step::Break),
        1 => Just(Step::End),
    ]
}

/// Faults that pass before the fifth try, or never.
fn fault() -> impl Strategy<Value = (Fault, u32)> {
    prop_oneof![
        (1..5_u32).prop_map(|times| (Fault::Transient, times)),
        (1..5_u32).prop_map(|times| (Fault::Panic, times)),
        (1..9_u32).prop_map(|times| (Fault::Db, times)),
        Just((Fault::Transient, FOR_EVER)),
        Just((Fault::Permanent, FOR_EVER)),
    ]
}

fn faults() -> impl Strategy<Value = BTreeMap<i64, (Fault, u32)>> {
    proptest::collection::btree_map(1..=EVENTS as i64, fault(), 0..5)
}

/// Which events are dead letters, and which wait behind them.
fn expected_dead(keys: &[&str], faults: &BTreeMap<i64, (Fault, u32)>) -> Vec<(i64, bool)> {
    let mut blocked = std::collections::BTreeSet::new();
    let mut dead = Vec::new();
    for (position, key) in (1..).zip(keys) {
        let fatal = faults.get(&position).is_some_and(|(_, times)| *times == FOR_EVER);
        if blocked.contains(key) {
            dead.push((position, true));
        } else if fatal {
            blocked.insert(key);
            dead.push((position, false));
        }
    }
    dead
}

async fn run(keys: Vec<&'static str>, sessions: Vec<Vec<Step>>, faults: BTreeMap<i64, (Fault, u32)>) {
    let script = sessions.iter().fold(Script::new(&keys), |script, steps| {
        // Each session ends, so that the truthful one comes.
        let steps: Vec<_> = steps.iter().cloned().chain([Step::Break]).collect();
        script.session(&steps)
    });
    let recorder = faults.iter().fold(Recorder::default(), |recorder, (position, (fault, times))| {
        recorder.failing(*position, *fault, *times)
    });
    let consumer = Consumer::start(&Network::new(), script, recorder);
    consumer.reaches(keys.len() as i64).await;

    let letters = consumer.dead_letters().await;
    let dead: Vec<_> =
        letters.iter().map(|letter| (letter.event.as_ref().unwrap().position, letter.parked)).collect();
    assert_eq!(dead, expected_dead(&keys, &faults));
    let applied = consumer.effects().await;
    let lives = |position: &i64| !dead.iter().any(|(dead, _)| dead == position);
    let expected: Vec<i64> = (1..=keys.len() as i64).filter(lives).collect();
    assert_eq!(applied, expected, "once each, in order, those that live");

    consumer.recorder.heal();
    for letter in letters.into_iter().filter(|letter| !letter.parked) {
        let request =
            madang_api::events::v1::RedriveDeadLetterRequest { dead_letter_id: letter.dead_letter_id };
        consumer.dead_letter_client().redrive_dead_letter(request).await.unwrap();
    }
    let mut by_key: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (position, key) in effects(&consumer.store.db).await {
        by_key.entry(key).or_default().push(position);
    }
    let mut all: Vec<i64> = by_key.values().flatten().copied().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=keys.len() as i64), "after the redrive each took effect once");
    assert!(by_key.values().all(|positions| positions.is_sorted()), "in the order of its key");
    consumer.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn effects_are_exactly_once_and_in_order_for_each_key(
        keys in vec(prop::sample::select(vec!["a", "b", "c"]), EVENTS),
        sessions in vec(vec(step(), 0..8), 0..4),
        faults in faults(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(keys, sessions, faults));
    }
}

#[test]
fn the_model_blocks_a_key_behind_its_first_dead_letter() {
    let faults = BTreeMap::from([(1, (Fault::Transient, 4)), (2, (Fault::Panic, FOR_EVER))]);
    assert_eq!(expected_dead(&["a", "a", "b", "a"], &faults), [(2, false), (4, true)]);
}
