use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Work, locked};
use crate::intent::{Intent, Intents};
use crate::pacer::Brake;
use crate::record::Recorder;

/// A closed loop: so many callers, each of which calls again when it was answered. No thread paces it, so none is in the way of
/// what is measured.
#[derive(Debug)]
pub(crate) struct Closed {
    intents: Mutex<Intents>,
    start: Instant,
    end: Instant,
    stopped: Arc<AtomicBool>,
    recorder: Arc<Mutex<Recorder>>,
}

impl Closed {
    /// Starts now. It sends for this time, or until the brake is pulled or dropped.
    pub(crate) fn start(
        intents: Intents,
        duration: Duration,
        recorder: Arc<Mutex<Recorder>>,
    ) -> (Self, Brake) {
        let (start, stopped) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let brake = Brake::of(Arc::clone(&stopped));
        (Self { intents: Mutex::new(intents), start, end: start + duration, stopped, recorder }, brake)
    }

    /// When it started to send.
    pub(crate) fn start_time(&self) -> Instant {
        self.start
    }

    /// Makes the calls, until all that were sent have ended.
    pub(crate) async fn run<W: Work>(self, work: Arc<W>, in_flight: usize) {
        let (closed, mut callers) = (Arc::new(self), JoinSet::new());
        for _ in 0..in_flight {
            let (closed, work) = (Arc::clone(&closed), Arc::clone(&work));
            callers.spawn(async move {
                while let Some(intent) = closed.next() {
                    closed.call(&*work, intent).await;
                }
            });
        }
        while callers.join_next().await.is_some() {}
    }

    fn next(&self) -> Option<Intent> {
        let now = Instant::now();
        let is_over = now >= self.end || self.stopped.load(Ordering::Acquire);
        (!is_over).then(|| self.intents.lock().unwrap_or_else(PoisonError::into_inner).at(now))
    }

    async fn call<W: Work>(&self, work: &W, intent: Intent) {
        {
            let mut recorder = locked(&self.recorder);
            recorder.paced(intent.at.duration_since(self.start), intent.kind, (Duration::ZERO, true));
            recorder.begun(Duration::ZERO);
        }
        let outcome = work.call(intent).await;
        let now = Instant::now();
        let latency = now.saturating_duration_since(intent.at);
        locked(&self.recorder).done(now.duration_since(self.start), intent.kind, (latency, &outcome));
    }
}
