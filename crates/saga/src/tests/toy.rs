//! A toy saga of two steps: participants and store are scripts in memory.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::{
    BoxError, BoxFuture, Config, Engine, Guard, Progress, Runtime, Saga, Step, StepError, UndoRefused,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Confirmed,
    Undoing(Range<usize>),
    Undone,
    Stuck(&'static str),
}

type Answers = VecDeque<Result<(), StepError>>;

#[derive(Debug, Default)]
pub(super) struct World {
    /// How long a call takes.
    pub(super) takes: Mutex<Duration>,
    /// Calls of each name that are under way, and the most that were.
    pub(super) under_way: Mutex<HashMap<&'static str, (usize, usize)>>,
    pub(super) calls: Mutex<Vec<String>>,
    pub(super) answers: Mutex<HashMap<&'static str, Answers>>,
    pub(super) expired: Mutex<bool>,
}

#[derive(Debug, Clone)]
pub(super) struct Toy {
    pub(super) world: Arc<World>,
    pub(super) states: Arc<watch::Sender<HashMap<u32, State>>>,
}

impl Toy {
    fn call(&self, name: &'static str) -> BoxFuture<'_, Result<(), StepError>> {
        self.world.calls.lock().unwrap().push(name.into());
        let answer = self.world.answers.lock().unwrap().get_mut(name).and_then(VecDeque::pop_front);
        let takes = *self.world.takes.lock().unwrap();
        Box::pin(async move {
            self.under_way(name, |now| now + 1);
            tokio::time::sleep(takes).await;
            self.under_way(name, |now| now - 1);
            answer.unwrap_or(Ok(()))
        })
    }

    fn under_way(&self, name: &'static str, change: impl Fn(usize) -> usize) {
        let mut calls = self.world.under_way.lock().unwrap();
        let (now, most) = calls.entry(name).or_default();
        *now = change(*now);
        *most = (*most).max(*now);
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

pub(super) struct Tokio;

impl Runtime for Tokio {
    #[expect(clippy::disallowed_methods, reason = "the toy has no chassis; the test's runtime ends the task")]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn fraction(&self) -> f64 {
        0.5
    }
}

pub(super) fn toy(states: impl IntoIterator<Item = (u32, State)>) -> Toy {
    let states = Arc::new(watch::Sender::new(states.into_iter().collect()));
    Toy { world: Arc::default(), states }
}

impl Toy {
    pub(super) fn answering(
        self,
        name: &'static str,
        answers: impl IntoIterator<Item = Result<(), StepError>>,
    ) -> Self {
        self.world.answers.lock().unwrap().insert(name, answers.into_iter().collect());
        self
    }

    pub(super) fn start(&self) -> Engine<Toy> {
        Engine::start(self.clone(), Config::default(), Tokio)
    }

    pub(super) async fn reaches(&self, id: u32, state: State) {
        let mut states = self.states.subscribe();
        let arrived = states.wait_for(|states| states.get(&id) == Some(&state));
        tokio::time::timeout(Duration::from_secs(3600), arrived).await.unwrap().unwrap();
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.world.calls.lock().unwrap().clone()
    }
}

pub(super) fn refused(reason: &str) -> Result<(), StepError> {
    Err(StepError::Refused { reason: reason.into() })
}

pub(super) fn unknown() -> Result<(), StepError> {
    Err(StepError::Unknown("no answer".into()))
}
