use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::definition::BoxError;

/// Characters of a cause that are kept.
const CAUSE: usize = 200;

/// A step, or the undo of one, whose end a driver waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The step.
    pub step: &'static str,
    /// Whether it is the step's undo.
    pub undo: bool,
    /// Tries so far whose outcome is not known.
    pub failures: u32,
    /// What the last of them met; empty before the first.
    pub cause: String,
}

/// What a driver shares with those who look on.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    /// Has it read its saga again.
    pub(crate) nudge: Notify,
    waiting: Mutex<Option<Waiting>>,
}

impl Handle {
    /// It begins a step or an undo.
    pub(crate) fn begins(&self, step: &'static str, undo: bool) {
        *self.lock() = Some(Waiting { step, undo, failures: 0, cause: String::new() });
    }

    /// The outcome of a try is not known.
    pub(crate) fn failed(&self, cause: &BoxError) {
        if let Some(waiting) = &mut *self.lock() {
            waiting.failures = waiting.failures.saturating_add(1);
            waiting.cause = chain(cause).chars().take(CAUSE).collect();
        }
    }

    /// It waits for no participant.
    pub(crate) fn rests(&self) {
        *self.lock() = None;
    }

    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its causes.
fn chain(error: &BoxError) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
