//! From the pacer's thread to calls, and from their ends to the recorder.

mod closed;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::intent::{Intent, Intents, Outcome};
use crate::pacer::{Brake, Handed, Pacer};
use crate::record::Recorder;

pub(crate) use closed::Closed;

/// What a load does, once for each intent.
pub(crate) trait Work: Send + Sync + 'static {
    /// Makes the call; it has an end of its own, such as a deadline.
    fn call(&self, intent: Intent) -> impl Future<Output = Outcome> + Send;
}

/// A load under way.
#[derive(Debug)]
pub(crate) struct Engine {
    start: Instant,
    recorder: Arc<Mutex<Recorder>>,
    calls: Receiver<Handed>,
    thread: JoinHandle<()>,
}

impl Engine {
    /// Starts to send now, with so many calls in flight at most. It sends until the brake is pulled or dropped.
    pub(crate) fn start(
        intents: Intents,
        in_flight: usize,
        recorder: Arc<Mutex<Recorder>>,
    ) -> io::Result<(Self, Brake)> {
        let start = Instant::now();
        let (sender, calls) = channel(in_flight);
        let room = Arc::new(Semaphore::new(in_flight));
        let pacer = Pacer { intents, start, room, calls: sender, recorder: Arc::clone(&recorder) };
        let (brake, thread) = pacer.spawn()?;
        Ok((Self { start, recorder, calls, thread }, brake))
    }

    /// When it started to send.
    pub(crate) fn start_time(&self) -> Instant {
        self.start
    }

    /// Makes the calls, until all that were sent have ended.
    pub(crate) async fn run<W: Work>(mut self, work: Arc<W>) {
        let mut tasks = JoinSet::new();
        while let Some((intent, permit)) = self.calls.recv().await {
            let call = Call { intent, permit, start: self.start, recorder: Arc::clone(&self.recorder) };
            tasks.spawn(call.make(Arc::clone(&work)));
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
        // It has dropped its end of the queue, so it has ended.
        let _ended = self.thread.join().is_ok();
    }
}

struct Call {
    intent: Intent,
    permit: OwnedSemaphorePermit,
    start: Instant,
    recorder: Arc<Mutex<Recorder>>,
}

impl Call {
    async fn make<W: Work>(self, work: Arc<W>) {
        let Self { intent, permit, start, recorder } = self;
        locked(&recorder).begun(Instant::now().saturating_duration_since(intent.at));
        let outcome = work.call(intent).await;
        let now = Instant::now();
        let latency = now.saturating_duration_since(intent.at);
        locked(&recorder).done(now.duration_since(start), intent.kind, (latency, &outcome));
        drop(permit);
    }
}

/// A recorder is whole between two calls of it, whoever panicked.
pub(crate) fn locked(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
