//! The engine on a toy saga of two steps: participants and store are scripts in memory.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::{
    BoxError, BoxFuture, Config, Engine, Guard, Progress, Runtime, Saga, Step, StepError, UndoRefused,
    Waiting,
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Pending,
    Confirmed,
    Undoing(Range<usize>),
    Undone,
    Stuck(&'static str),
}

type Answers = VecDeque<Result<(), StepError>>;

#[derive(Debug, Default)]
struct World {
    calls: Mutex<Vec<String>>,
    answers: Mutex<HashMap<&'static str, Answers>>,
    expired: Mutex<bool>,
}

#[derive(Debug, Clone)]
struct Toy {
    world: Arc<World>,
    states: Arc<watch::Sender<HashMap<u32, State>>>,
}

impl Toy {
    fn call(&self, name: &'static str) -> BoxFuture<'_, Result<(), StepError>> {
        self.world.calls.lock().unwrap().push(name.into());
        let answer = self.world.answers.lock().unwrap().get_mut(name).and_then(VecDeque::pop_front);
        Box::pin(async move { answer.unwrap_or(Ok(())) })
    }

    fn guarded(&self, id: u32, from: impl Fn(&State) -> bool, to: State) -> Result<Guard, BoxError> {
        let held = self.states.send_if_modified(|states| match states.get_mut(&id) {
            Some(state) if from(state) => {
                *state = to.clone();
                true
            }
            _ => false,
        });
        Ok(if held { Guard::Held } else { Guard::Lost })
    }
}

impl Saga for Toy {
    type Id = u32;
    type Context = u32;

    const STEPS: &'static [Step<Self>] = &[
        Step {
            name: "one",
            timeout: Duration::from_secs(1),
            action: |toy, _| toy.call("do one"),
            undo: |toy, _| toy.call("undo one"),
        },
        Step {
            name: "two",
            timeout: Duration::from_secs(1),
            action: |toy, _| toy.call("do two"),
            undo: |toy, _| toy.call("undo two"),
        },
    ];

    async fn load(&self, id: u32) -> Result<Progress<u32>, BoxError> {
        Ok(match self.states.borrow().get(&id) {
            Some(State::Pending) => Progress::Forward(id),
            Some(State::Undoing(steps)) => Progress::Backward(id, steps.clone()),
            _ => Progress::Settled,
        })
    }

    async fn open(&self, _limit: usize) -> Result<Vec<u32>, BoxError> {
        let states = self.states.borrow();
        let open = |state: &State| matches!(state, State::Pending | State::Undoing(_));
        Ok(states.iter().filter(|(_, state)| open(state)).map(|(id, _)| *id).collect())
    }

    fn expired(&self, _: &u32) -> Option<&'static str> {
        self.world.expired.lock().unwrap().then_some("TOO_LATE")
    }

    async fn confirm(&self, id: &u32) -> Result<Guard, BoxError> {
        self.guarded(*id, |state| *state == State::Pending, State::Confirmed)
    }

    async fn refuse(&self, id: &u32, reason: &str, steps: Range<usize>) -> Result<Guard, BoxError> {
        self.world.calls.lock().unwrap().push(format!("refuse {reason}"));
        self.guarded(*id, |state| *state == State::Pending, State::Undoing(steps))
    }

    async fn settle(&self, id: &u32) -> Result<Guard, BoxError> {
        self.guarded(*id, |state| matches!(state, State::Undoing(_)), State::Undone)
    }

    async fn undo_refused(&self, id: &u32, refused: UndoRefused<'_>) -> Result<Guard, BoxError> {
        self.guarded(*id, |state| matches!(state, State::Undoing(_)), State::Stuck(refused.step))
    }
}

struct Tokio;

impl Runtime for Tokio {
    #[expect(clippy::disallowed_methods, reason = "the toy has no chassis; the test's runtime ends the task")]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

fn toy(states: impl IntoIterator<Item = (u32, State)>) -> Toy {
    let states = Arc::new(watch::Sender::new(states.into_iter().collect()));
    Toy { world: Arc::default(), states }
}

impl Toy {
    fn answering(self, name: &'static str, answers: impl IntoIterator<Item = Result<(), StepError>>) -> Self {
        self.world.answers.lock().unwrap().insert(name, answers.into_iter().collect());
        self
    }

    fn start(&self) -> Engine<Toy> {
        Engine::start(self.clone(), Config::default(), Tokio)
    }

    async fn reaches(&self, id: u32, state: State) {
        let mut states = self.states.subscribe();
        let arrived = states.wait_for(|states| states.get(&id) == Some(&state));
        tokio::time::timeout(Duration::from_secs(3600), arrived).await.unwrap().unwrap();
    }

    fn calls(&self) -> Vec<String> {
        self.world.calls.lock().unwrap().clone()
    }
}

fn refused(reason: &str) -> Result<(), StepError> {
    Err(StepError::Refused { reason: reason.into() })
}

fn unknown() -> Result<(), StepError> {
    Err(StepError::Unknown("no answer".into()))
}

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
