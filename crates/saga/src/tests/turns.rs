//! So many calls at once.

use std::collections::HashMap;
use std::time::Duration;

use super::toy::{State, Tokio, toy};
use crate::{Config, Engine};

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_is_asked_for_once_however_many_wait() {
    let toy = toy((0..50).map(|id| (id, State::Pending)));
    *toy.world.takes.lock().unwrap() = Duration::from_millis(900);
    // The last ones wait for ten times as long as a call may take.
    let engine = Engine::start(toy.clone(), Config { at_once: 4, ..Config::default() }, Tokio);
    for id in 0..50 {
        toy.reaches(id, State::Confirmed).await;
    }
    assert_eq!(toy.calls().len(), 100, "no call came to nothing");
    let most = toy.world.under_way.lock().unwrap().clone();
    assert_eq!(most, HashMap::from([("do one", (0, 4)), ("do two", (0, 4))]));
    assert_eq!(engine.stats().repeated().iter().map(|step| step.actions).sum::<u64>(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_hears_a_nudge() {
    let toy = toy([(1, State::Pending), (2, State::Pending)]);
    *toy.world.takes.lock().unwrap() = Duration::from_millis(900);
    let engine = Engine::start(toy.clone(), Config { at_once: 1, ..Config::default() }, Tokio);
    engine.begin(1, 1);
    engine.begin(2, 2);
    while toy.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    toy.states.send_modify(|states| {
        states.insert(2, State::Undoing(0..2));
    });
    engine.nudge(2);
    toy.reaches(2, State::Undone).await;
    toy.reaches(1, State::Confirmed).await;
    let forward = toy.calls().into_iter().filter(|call| call == "do one").count();
    assert_eq!(forward, 1, "the other's turn never came");
}
