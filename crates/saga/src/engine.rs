use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use crate::definition::{BoxFuture, Saga};
use crate::driver::Driver;
use crate::recovery::{self, Scan};
use crate::stats::Stats;
use crate::turns::Turns;
use crate::waiting::{Handle, Waiting};

/// How the engine goes about its work.
#[derive(Debug, Clone)]
pub struct Config {
    /// Sagas driven at once at most; more wait in the store.
    pub places: usize,
    /// Calls of one step and its undo at once at most, and readings of the store; more wait for their turn, outside their time-out.
    pub at_once: usize,
    /// Time between two looks for open sagas without a task.
    pub scan_every: Duration,
    /// The first pause after a failure.
    pub first_pause: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
    /// How long the undos of one saga may stay unknown before it is set aside.
    pub undo_patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            places: 1024,
            at_once: 64,
            scan_every: Duration::from_secs(1),
            first_pause: Duration::from_millis(25),
            longest_pause: Duration::from_secs(2),
            undo_patience: Duration::from_secs(900),
        }
    }
}

/// What the engine needs from its process.
pub trait Runtime: Send + Sync + 'static {
    /// Runs a task until it ends or the process drains.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// A number from 0 to below 1, for jitter.
    fn fraction(&self) -> f64;
}

/// Drives the sagas of one process. Cheap to clone.
pub struct Engine<S: Saga> {
    shared: Arc<Shared<S>>,
}

/// What driver tasks share.
pub(crate) struct Shared<S: Saga> {
    pub(crate) saga: S,
    pub(crate) config: Config,
    pub(crate) runtime: Box<dyn Runtime>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) turns: Turns,
    places: Arc<Semaphore>,
    running: Mutex<HashMap<S::Id, Arc<Handle>>>,
    /// Has the next scan begin at once.
    scan: Notify,
    /// Whether the last scan saw more than there were places for.
    backlog: AtomicBool,
}

impl<S: Saga> Engine<S> {
    /// Starts an engine and its scan. The first scan runs at once: it resumes what an earlier process left.
    pub fn start(saga: S, config: Config, runtime: impl Runtime) -> Self {
        let places = Arc::new(Semaphore::new(config.places));
        let running = Mutex::new(HashMap::new());
        let (runtime, scan, backlog) = (Box::new(runtime), Notify::new(), AtomicBool::new(false));
        let steps = || S::STEPS.iter().map(|step| step.name);
        let (stats, turns) = (Arc::new(Stats::new(steps())), Turns::new(steps(), config.at_once));
        let shared = Arc::new(Shared { saga, config, runtime, stats, turns, places, running, scan, backlog });
        shared.runtime.spawn(Box::pin(Arc::clone(&shared).scan()));
        Self { shared }
    }

    /// Drives a saga that was created just now and that nobody has driven.
    pub fn begin(&self, id: S::Id, context: S::Context) {
        self.shared.stats.starts();
        self.shared.drive(id, Some(context));
    }

    /// Drives a saga, or has its driver read it again. Where no place is free the next scan finds it.
    pub fn nudge(&self, id: S::Id) {
        self.shared.drive(id, None);
    }

    /// Looks for open sagas without a task now, not at the next scan's time.
    pub fn scan(&self) {
        self.shared.scan.notify_one();
    }

    /// Whether a saga has a task now.
    pub fn drives(&self, id: S::Id) -> bool {
        self.shared.running().contains_key(&id)
    }

    /// The saga with its store.
    pub fn saga(&self) -> &S {
        &self.shared.saga
    }

    /// What the driver of a saga waits for; none where this process has none, or it waits for no participant.
    pub fn waits_for(&self, id: S::Id) -> Option<Waiting> {
        self.shared.running().get(&id)?.waiting()
    }

    /// How many sagas have a task now.
    pub fn running(&self) -> usize {
        self.shared.running().len()
    }

    /// What the engine counts; it does not keep the engine alive.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.shared.stats)
    }
}

impl<S: Saga> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Saga> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("running", &self.running()).finish_non_exhaustive()
    }
}

impl<S: Saga> Shared<S> {
    fn drive(self: &Arc<Self>, id: S::Id, fresh: Option<S::Context>) {
        let mut running = self.running();
        if let Some(handle) = running.get(&id) {
            handle.nudge.notify_one();
            return;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let handle = Arc::new(Handle::default());
        running.insert(id, Arc::clone(&handle));
        self.stats.drives(running.len());
        drop(running);
        if fresh.is_none() {
            self.stats.resumes();
        }
        let driver = Driver::new(Arc::clone(self), id, handle);
        self.runtime.spawn(Box::pin(async move {
            driver.run(fresh).await;
            drop(place);
        }));
    }

    async fn scan(self: Arc<Self>) {
        let mut every = tokio::time::interval(self.config.scan_every);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.scan.notified() => {}
            }
            let limit = self.config.places.saturating_mul(2);
            let before = self.driven();
            match self.saga.open(limit).await {
                Ok(open) => {
                    self.follow(&Scan { complete: open.len() < limit, open, before, now: self.driven() })
                }
                Err(error) => tracing::warn!(error, "open sagas cannot be read; the next scan asks again"),
            }
        }
    }

    fn follow(self: &Arc<Self>, scan: &Scan<S::Id>) {
        let plan = recovery::plan(scan, self.places.available_permits());
        if !plan.resume.is_empty() {
            tracing::info!(resumed = plan.resume.len(), waiting = plan.waiting, "open sagas are resumed");
        }
        self.backlog.store(plan.waiting > 0 || !scan.complete, Ordering::Relaxed);
        for id in plan.resume.into_iter().chain(plan.read_again) {
            self.drive(id, None);
        }
    }

    fn driven(&self) -> HashSet<S::Id> {
        self.running().keys().copied().collect()
    }

    /// Takes a driver off the list, unless it was nudged since it last read.
    pub(crate) fn leave(&self, id: S::Id, nudged: impl Fn() -> bool) -> bool {
        let mut running = self.running();
        let leaves = !nudged();
        if leaves {
            running.remove(&id);
            self.stats.drives(running.len());
            self.fill(running.len());
        }
        leaves
    }

    /// Where more wait than had places, and half of those are free now, the next scan does not wait for its time: after a crash
    /// its pace would be all that bounds how fast open sagas are finished.
    fn fill(&self, running: usize) {
        if running <= self.config.places / 2 && self.backlog.swap(false, Ordering::Relaxed) {
            self.scan.notify_one();
        }
    }

    /// Takes this very driver off the list, where it still stands there.
    pub(crate) fn forget(&self, id: S::Id, handle: &Arc<Handle>) {
        let mut running = self.running();
        if running.get(&id).is_some_and(|listed| Arc::ptr_eq(listed, handle)) {
            running.remove(&id);
            self.stats.drives(running.len());
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<S::Id, Arc<Handle>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
