//! So many calls at once. A participant that is given more than it can answer in time answers none of them in time: each is asked
//! again, and what it did for the others was done for nothing. So they wait here, where their time does not run.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Turns for calls of each step and its undo, and for readings of the store; in the order of coming.
#[derive(Debug)]
pub(crate) struct Turns {
    steps: Box<[(&'static str, Semaphore)]>,
    readings: Semaphore,
}

impl Turns {
    pub(crate) fn new(steps: impl Iterator<Item = &'static str>, at_once: usize) -> Self {
        let steps = steps.map(|step| (step, Semaphore::new(at_once))).collect();
        Self { steps, readings: Semaphore::new(at_once) }
    }

    /// Waits until a step, or its undo, may be called; the turn lasts until it is dropped.
    pub(crate) async fn of(&self, step: &str) -> Option<SemaphorePermit<'_>> {
        let (_, calls) = self.steps.iter().find(|(name, _)| *name == step)?;
        calls.acquire().await.ok()
    }

    /// Waits until the store may be read.
    pub(crate) async fn reading(&self) -> Option<SemaphorePermit<'_>> {
        self.readings.acquire().await.ok()
    }
}
