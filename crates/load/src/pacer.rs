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

/// Ends the sending early, and when it is dropped.
#[derive(Debug)]
pub(crate) struct Brake {
    stopped: Arc<AtomicBool>,
    /// None where nobody sleeps until a call's time.
    thread: Option<Thread>,
}

impl Brake {
    /// One that sets this, and wakes nobody.
    pub(crate) fn of(stopped: Arc<AtomicBool>) -> Self {
        Self { stopped, thread: None }
    }

    /// Nothing more is sent.
    pub(crate) fn pull(&self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.iter().for_each(Thread::unpark);
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
        Ok((Brake { stopped, thread: Some(thread.thread().clone()) }, thread))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::channel;

    use super::*;
    use crate::arrivals::{Arrivals, Schedule};
    use crate::mix::Mix;

    /// A pacer of ten calls in a second that has passed already.
    fn late(room: usize) -> (Pacer, tokio::sync::mpsc::Receiver<Handed>) {
        let schedule = Schedule::constant(10.0, Duration::from_secs(1)).unwrap();
        let intents = Intents::new(schedule.times(Arrivals::Constant, 1), Mix::default(), 1);
        let (calls, handed) = channel(room);
        let (start, room) = (Instant::now() - Duration::from_secs(1), Arc::new(Semaphore::new(room)));
        let recorder = Arc::new(Mutex::new(Recorder::new(Duration::from_secs(1))));
        (Pacer { intents, start, room, calls, recorder }, handed)
    }

    #[tokio::test]
    async fn a_pacer_that_is_late_sends_at_once_what_was_meant_for_then_and_says_so() {
        let (pacer, mut handed) = late(10);
        let (start, recorder) = (pacer.start, Arc::clone(&pacer.recorder));
        let (_brake, _thread) = pacer.spawn().unwrap();
        for number in 0..10 {
            let (intent, _permit) = handed.recv().await.unwrap();
            assert_eq!(intent.at, start + Duration::from_millis(100) * number);
        }
        assert!(handed.recv().await.is_none());
        let late = locked(&recorder).paced_late.clone();
        for tenth in 1..=10 {
            let least = Duration::from_millis(100) * tenth;
            assert!(late.count_at_least(least) >= u64::from(11 - tenth), "{tenth}");
        }
    }

    #[tokio::test]
    async fn what_finds_no_room_is_never_handed_over() {
        let (pacer, mut handed) = late(3);
        let recorder = Arc::clone(&pacer.recorder);
        let (_brake, thread) = pacer.spawn().unwrap();
        thread.join().unwrap();
        let mut sent = Vec::new();
        while let Some((intent, _permit)) = handed.recv().await {
            sent.push(intent.number);
        }
        assert_eq!(sent, [0, 1, 2]);
        let totals = locked(&recorder).totals();
        assert_eq!((totals.intended, totals.sent, totals.not_sent), (10, 3, 7));
    }
}
