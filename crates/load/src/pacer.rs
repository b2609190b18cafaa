//! Sends on time: a thread of the operating system, since the runtime's timers are a millisecond coarse.

use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};

use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::engine::locked;
use crate::intent::{Intent, Intents};
use crate::record::Recorder;

/// The kernel may wake a thread so much later than it asked, in nanoseconds; it is 50,000 where nobody says.
const TIMER_SLACK: NonZeroU64 = NonZeroU64::MIN;

/// A call that is sent, with its place among those in flight.
pub(crate) type Handed = (Intent, OwnedSemaphorePermit);

/// All that the thread needs.
#[derive(Debug)]
pub(crate) struct Pacer {
    pub(crate) intents: Intents,
    pub(crate) start: Instant,
    /// One permit for each call in flight.
    pub(crate) room: Arc<Semaphore>,
    /// Has room for all calls in flight, so it is never full.
    pub(crate) calls: Sender<Handed>,
    pub(crate) recorder: Arc<Mutex<Recorder>>,
}

/// Ends the pacer's thread early, and when it is dropped.
#[derive(Debug)]
pub(crate) struct Brake {
    stopped: Arc<AtomicBool>,
    thread: Thread,
}

impl Brake {
    /// Nothing more is sent.
    pub(crate) fn pull(&self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Drop for Brake {
    fn drop(&mut self) {
        self.pull();
    }
}

impl Pacer {
    /// Starts the thread. It ends after the last call was handed over, or when the brake is pulled.
    pub(crate) fn spawn(self) -> io::Result<(Brake, JoinHandle<()>)> {
        let stopped = Arc::new(AtomicBool::new(false));
        let pulled = Arc::clone(&stopped);
        let thread = thread::Builder::new().name("load-pacer".into()).spawn(move || self.run(&pulled))?;
        Ok((Brake { stopped, thread: thread.thread().clone() }, thread))
    }

    fn run(mut self, stopped: &AtomicBool) {
        // Where the kernel refuses, the thread is later, and its lateness tells.
        let _exact = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK)).is_ok();
        while let Some(intent) = self.intents.next(self.start) {
            loop {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let left = intent.at.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left);
            }
            if !self.hand_over(intent) {
                return;
            }
        }
    }

    /// Hands a call over now; answers whether there is anybody to hand it to.
    fn hand_over(&self, intent: Intent) -> bool {
        let now = Instant::now();
        let permit = Arc::clone(&self.room).try_acquire_owned().ok();
        // Counted before it can end.
        let (since, late) = (now.duration_since(self.start), now.saturating_duration_since(intent.at));
        locked(&self.recorder).paced(since, intent.kind, (late, permit.is_some()));
        permit.is_none_or(|permit| self.calls.try_send((intent, permit)).is_ok())
    }
}
