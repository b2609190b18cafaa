//! The engine on a toy saga.

mod toy;
mod turns;

use std::time::Duration;

use tokio::time::Instant;

use self::toy::{State, Tokio, refused, toy, unknown};
use crate::{Config, Engine, Waiting};

#[tokio::test(start_paused = true)]
async fn all_steps_then_the_pivot() {
    let toy = toy([(1, State::Pending)]);
    toy.start().begin(1, 1);
    toy.reaches(1, State::Confirmed).await;
    assert_eq!(toy.calls(), ["do one", "do two"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_undoes_what_was_sent_and_no_more() {
    let toy = toy([(1, State::Pending)]).answering("do two", [refused("DECLINED")]);
    toy.start().begin(1, 1);
    toy.reaches(1, State::Undone).await;
    assert_eq!(toy.calls(), ["do one", "do two", "refuse DECLINED", "undo two", "undo one"]);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_did_not_see_the_beginning_undoes_every_step() {
    let toy = toy([(1, State::Pending)]).answering("do one", [refused("OUT")]);
    toy.start();
    toy.reaches(1, State::Undone).await;
    assert_eq!(toy.calls(), ["do one", "refuse OUT", "undo two", "undo one"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_again_never_assumed() {
    let toy = toy([(1, State::Pending)]).answering("do one", [unknown(), unknown()]);
    toy.start().begin(1, 1);
    toy.reaches(1, State::Confirmed).await;
    assert_eq!(toy.calls(), ["do one", "do one", "do one", "do two"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_whose_time_is_over_undoes_the_step_that_may_have_been_sent() {
    let toy = toy([(1, State::Pending)]);
    *toy.world.expired.lock().unwrap() = true;
    toy.start().begin(1, 1);
    toy.reaches(1, State::Undone).await;
    assert_eq!(toy.calls(), ["refuse TOO_LATE", "undo one"]);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_decision_is_found_when_the_guard_is_lost() {
    let toy = toy([(1, State::Undoing(0..2))]);
    toy.start().begin(1, 1);
    toy.reaches(1, State::Undone).await;
    assert_eq!(toy.calls(), ["do one", "do two", "undo two", "undo one"]);
}

#[tokio::test(start_paused = true)]
async fn a_nudge_ends_the_waiting_and_reads_again() {
    let toy = toy([(1, State::Pending)]).answering("do one", std::iter::repeat_with(unknown).take(1_000));
    let engine = toy.start();
    engine.begin(1, 1);
    while toy.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    toy.states.send_modify(|states| {
        states.insert(1, State::Undoing(0..2));
    });
    engine.nudge(1);
    toy.reaches(1, State::Undone).await;
    assert!(toy.calls().ends_with(&["undo two".into(), "undo one".into()]));
}

#[tokio::test(start_paused = true)]
async fn what_a_driver_waits_for_is_told() {
    let again = |times| std::iter::repeat_with(unknown).take(times);
    let toy = toy([(1, State::Pending)])
        .answering("do two", again(3).chain([refused("DECLINED")]))
        .answering("undo one", again(5));
    let engine = toy.start();
    assert_eq!(engine.waits_for(1), None, "it has no driver yet");
    engine.begin(1, 1);
    let waits = async |step, undo, failures| {
        let is_it = |it: &Waiting| (it.step, it.undo, it.failures) == (step, undo, failures);
        loop {
            if let Some(waiting) = engine.waits_for(1).filter(is_it) {
                return waiting.cause;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert_eq!(waits("two", false, 3).await, "no answer");
    assert_eq!(waits("one", true, 5).await, "no answer");
    toy.reaches(1, State::Undone).await;
    while engine.running() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(engine.waits_for(1), None, "nothing is left to wait for");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_refused_sets_the_saga_aside() {
    let toy = toy([(1, State::Undoing(0..2))]).answering("undo two", [refused("DEPARTED")]);
    toy.start();
    toy.reaches(1, State::Stuck("two")).await;
    assert_eq!(toy.calls(), ["undo two"]);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_stays_unknown_for_too_long_sets_the_saga_aside() {
    let answers = std::iter::repeat_with(unknown).take(10_000);
    let toy = toy([(1, State::Undoing(0..1))]).answering("undo one", answers);
    toy.start();
    toy.reaches(1, State::Stuck("one")).await;
    assert!(toy.calls().len() > 100);
}

#[tokio::test(start_paused = true)]
async fn the_first_scan_resumes_what_an_earlier_process_left() {
    let toy = toy((0..50).map(|id| (id, State::Pending)));
    toy.start();
    for id in 0..50 {
        toy.reaches(id, State::Confirmed).await;
    }
    assert_eq!(toy.calls().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn more_sagas_than_places_wait_for_a_scan_but_not_for_its_time() {
    let toy = toy((0..50).map(|id| (id, State::Pending)));
    let config = Config { places: 3, ..Config::default() };
    let (begun, engine) = (Instant::now(), Engine::start(toy.clone(), config, Tokio));
    for id in 0..50 {
        engine.begin(id, id);
        assert!(engine.running() <= 3);
    }
    for id in 0..50 {
        toy.reaches(id, State::Confirmed).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "else three a second");
}
