use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::backoff::Backoff;
use crate::definition::{BoxError, Direction, Guard, Progress, Saga, Step, StepError, UndoRefused};
use crate::engine::Shared;
use crate::waiting::Handle;

/// Drives one saga, in one task, until nothing is left to do.
pub(crate) struct Driver<S: Saga> {
    shared: Arc<Shared<S>>,
    id: S::Id,
    handle: Arc<Handle>,
}

/// How a stretch of driving ended.
enum Next {
    /// Nothing is left to do, as far as this driver knows.
    Settled,
    /// Read the state again.
    Read,
}

/// Which way a call goes.
#[derive(Clone, Copy)]
enum Way {
    Action,
    Undo,
}

impl<S: Saga> Driver<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, id: S::Id, handle: Arc<Handle>) -> Self {
        Self { shared, id, handle }
    }

    /// Drives to the end. `fresh` is the context of a saga that was created just now.
    pub(crate) async fn run(self, fresh: Option<S::Context>) {
        let mut next = match fresh {
            Some(context) => self.forward(context, true).await,
            None => Next::Read,
        };
        loop {
            let progress = match next {
                Next::Settled => Progress::Settled,
                Next::Read => self.load().await,
            };
            next = match progress {
                Progress::Forward(context) => self.forward(context, false).await,
                Progress::Backward(context, steps) => self.backward(context, steps).await,
                Progress::Settled if self.shared.leave(self.id, || self.nudged()) => return,
                Progress::Settled => Next::Read,
            };
        }
    }

    /// Does all steps and the pivot. `fresh`: nobody else ever drove this saga, so steps not begun here need no undo.
    async fn forward(&self, context: S::Context, fresh: bool) -> Next {
        let work = self.do_steps(&context, fresh);
        self.shared.saga.within(&context, Direction::Forward, work).await
    }

    async fn do_steps(&self, context: &S::Context, fresh: bool) -> Next {
        for (index, step) in S::STEPS.iter().enumerate() {
            match self.step(context, step).await {
                Stepped::Done => {}
                Stepped::Against(reason) => {
                    // This step is undone with the others: its refusal may not be recorded, and an earlier try may be late.
                    let sent = if fresh { index + 1 } else { S::STEPS.len() };
                    return self.refuse(context, &reason, 0..sent).await;
                }
                Stepped::Nudged => return Next::Read,
            }
        }
        match self.stored(|| self.shared.saga.confirm(context)).await {
            Guard::Held => Next::Settled,
            Guard::Lost => Next::Read,
        }
    }

    /// Asks for one step until its outcome is known, the saga's time is over, or somebody changed the saga.
    async fn step(&self, context: &S::Context, step: &Step<S>) -> Stepped {
        let mut backoff = self.backoff();
        self.handle.begins(step.name, false);
        loop {
            let turn = tokio::select! {
                biased;
                () = self.handle.nudge.notified() => return Stepped::Nudged,
                turn = self.shared.turns.of(step.name) => turn,
            };
            if let Some(reason) = self.shared.saga.expired(context) {
                return Stepped::Against(reason.to_owned());
            }
            let answer = self.call(context, step, Way::Action).await;
            drop(turn);
            match answer {
                Ok(()) => return Stepped::Done,
                Err(StepError::Refused { reason }) => return Stepped::Against(reason),
                Err(StepError::Unknown(cause)) => {
                    self.asks_again(step, Way::Action, &cause);
                    let pause = backoff.pause(self.shared.runtime.fraction());
                    tracing::info!(saga.id = %self.id, step = step.name, cause, pause_ms = pause.as_millis(), "a step's outcome is not known; it is asked again");
                    if self.pause(pause).await {
                        return Stepped::Nudged;
                    }
                }
            }
        }
    }

    /// Decides against the saga. Whoever was first, the store now says what is to be undone.
    async fn refuse(&self, context: &S::Context, reason: &str, steps: Range<usize>) -> Next {
        self.stored(|| self.shared.saga.refuse(context, reason, steps.clone())).await;
        Next::Read
    }

    /// Does the undos of `steps`, the last first, then settles.
    async fn backward(&self, context: S::Context, steps: Range<usize>) -> Next {
        let work = self.do_undos(&context, steps);
        self.shared.saga.within(&context, Direction::Backward, work).await
    }

    async fn do_undos(&self, context: &S::Context, steps: Range<usize>) -> Next {
        let until = Instant::now() + self.shared.config.undo_patience;
        for step in S::STEPS.iter().take(steps.end).skip(steps.start).rev() {
            if let Err(reason) = self.undo(context, step, until).await {
                let refused = UndoRefused { step: step.name, reason: reason.as_deref() };
                tracing::info!(saga.id = %self.id, step = step.name, reason, "an undo cannot be done");
                self.stored(|| self.shared.saga.undo_refused(context, refused.clone())).await;
                return Next::Read;
            }
        }
        match self.stored(|| self.shared.saga.settle(context)).await {
            Guard::Held => Next::Settled,
            Guard::Lost => Next::Read,
        }
    }

    /// Asks for one undo until it is done, refused (its reason), or unknown until `until` (no reason).
    async fn undo(&self, context: &S::Context, step: &Step<S>, until: Instant) -> Result<(), Option<String>> {
        let mut backoff = self.backoff();
        self.handle.begins(step.name, true);
        loop {
            let turn = self.shared.turns.of(step.name).await;
            let answer = self.call(context, step, Way::Undo).await;
            drop(turn);
            match answer {
                Ok(()) => return Ok(()),
                Err(StepError::Refused { reason }) => return Err(Some(reason)),
                Err(StepError::Unknown(_)) if Instant::now() >= until => return Err(None),
                Err(StepError::Unknown(cause)) => {
                    self.asks_again(step, Way::Undo, &cause);
                    let pause = backoff.pause(self.shared.runtime.fraction());
                    tracing::info!(saga.id = %self.id, step = step.name, cause, pause_ms = pause.as_millis(), "an undo's outcome is not known; it is asked again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    fn asks_again(&self, step: &Step<S>, way: Way, cause: &BoxError) {
        self.handle.failed(cause);
        self.shared.stats.repeats(step.name, matches!(way, Way::Undo));
    }

    async fn call(&self, context: &S::Context, step: &Step<S>, way: Way) -> Result<(), StepError> {
        let call = match way {
            Way::Action => (step.action)(&self.shared.saga, context),
            Way::Undo => (step.undo)(&self.shared.saga, context),
        };
        timeout(step.timeout, call).await.unwrap_or_else(|elapsed| Err(StepError::Unknown(elapsed.into())))
    }

    async fn load(&self) -> Progress<S::Context> {
        let _turn = self.shared.turns.reading().await;
        self.stored(|| self.shared.saga.load(self.id)).await
    }

    /// Asks the store until it answers.
    async fn stored<T, F: Future<Output = Result<T, BoxError>>>(&self, ask: impl Fn() -> F) -> T {
        let mut backoff = self.backoff();
        self.handle.rests();
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(saga.id = %self.id, error, "the saga's store does not answer; it is asked again");
                    tokio::time::sleep(backoff.pause(self.shared.runtime.fraction())).await;
                }
            }
        }
    }

    /// Waits; true where the saga was nudged meanwhile.
    async fn pause(&self, pause: Duration) -> bool {
        timeout(pause, self.handle.nudge.notified()).await.is_ok()
    }

    /// Whether the saga was nudged since it was last asked.
    fn nudged(&self) -> bool {
        let notified = std::pin::pin!(self.handle.nudge.notified());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        notified.poll(&mut context).is_ready()
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.shared.config.first_pause, self.shared.config.longest_pause)
    }
}

/// A task that panics or is dropped must not keep its saga from being driven again.
impl<S: Saga> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.forget(self.id, &self.handle);
    }
}

/// How asking for a step ended.
enum Stepped {
    Done,
    /// Refused, or the saga's time is over: the reason.
    Against(String),
    Nudged,
}
