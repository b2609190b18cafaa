use std::sync::atomic::{AtomicU64, Ordering};

/// What an engine counts, since it was made.
#[derive(Debug)]
pub struct Stats {
    started: AtomicU64,
    resumed: AtomicU64,
    in_flight: AtomicU64,
    steps: Box<[Repeats]>,
}

/// How often one step was asked again because the outcome of a try was not known.
#[derive(Debug)]
struct Repeats {
    step: &'static str,
    actions: AtomicU64,
    undos: AtomicU64,
}

/// A step and how often it was asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// The step.
    pub step: &'static str,
    /// Tries of the step after the first.
    pub actions: u64,
    /// Tries of its undo after the first.
    pub undos: u64,
}

impl Stats {
    pub(crate) fn new(steps: impl Iterator<Item = &'static str>) -> Self {
        let repeats = |step| Repeats { step, actions: AtomicU64::new(0), undos: AtomicU64::new(0) };
        let none = || AtomicU64::new(0);
        Self { started: none(), resumed: none(), in_flight: none(), steps: steps.map(repeats).collect() }
    }

    /// Sagas that were begun, each once in its life.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Times a driver took up a saga that was begun before: after a death, a takeover or a decision from outside.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// Sagas that have a driver now.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Every step with how often it was asked again.
    pub fn repeated(&self) -> Vec<Repeated> {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let read = |repeats: &Repeats| Repeated {
            step: repeats.step,
            actions: load(&repeats.actions),
            undos: load(&repeats.undos),
        };
        self.steps.iter().map(read).collect()
    }

    pub(crate) fn starts(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn resumes(&self) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn drives(&self, sagas: usize) {
        self.in_flight.store(u64::try_from(sagas).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn repeats(&self, step: &'static str, undo: bool) {
        if let Some(repeats) = self.steps.iter().find(|repeats| repeats.step == step) {
            let count = if undo { &repeats.undos } else { &repeats.actions };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
