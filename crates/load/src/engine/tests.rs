use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::arrivals::{Arrivals, Schedule};
use crate::mix::Mix;
use crate::record::Totals;

/// Answers when the gate is open; each call waits there.
struct Gate {
    open: watch::Receiver<bool>,
    waiting: watch::Sender<usize>,
    most: AtomicUsize,
}

impl Work for Gate {
    async fn call(&self, _: Intent) -> Outcome {
        // Who sees the last one wait may open the gate at once, so the most is told in the same step.
        self.waiting.send_modify(|waiting| {
            *waiting += 1;
            self.most.fetch_max(*waiting, Ordering::Relaxed);
        });
        let mut open = self.open.clone();
        let _open = open.wait_for(|open| *open).await.is_ok();
        self.waiting.send_modify(|waiting| *waiting -= 1);
        Outcome { first: Ok(()), last: Ok(()) }
    }
}

/// A gate, who opens it, and how many wait there.
fn gate(is_open: bool) -> (Arc<Gate>, watch::Sender<bool>, watch::Receiver<usize>) {
    let ((opener, open), (waiting, seen)) = (watch::channel(is_open), watch::channel(0));
    (Arc::new(Gate { open, waiting, most: AtomicUsize::new(0) }), opener, seen)
}

fn intents(rate: f64, milliseconds: u64) -> Intents {
    let schedule = Schedule::constant(rate, Duration::from_millis(milliseconds)).unwrap();
    Intents::new(schedule.times(Arrivals::Constant, 1), Mix::default(), 1)
}

fn recorder() -> Arc<Mutex<Recorder>> {
    Arc::new(Mutex::new(Recorder::new(Duration::from_millis(100))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_there_is_no_room_for_is_counted_as_not_sent() {
    let ((work, opener, mut waiting), recorder) = (gate(false), recorder());
    let (engine, _brake) = Engine::start(intents(2_000.0, 50), 10, Arc::clone(&recorder)).unwrap();
    let run = engine.run(Arc::clone(&work));
    let open_at_the_end = async {
        waiting.wait_for(|waiting| *waiting == 10).await.unwrap();
        // All others find the room full.
        while locked(&recorder).totals().intended < 100 {
            tokio::task::yield_now().await;
        }
        opener.send_replace(true);
    };
    tokio::join!(run, open_at_the_end);
    let totals = locked(&recorder).totals();
    assert_eq!(totals, Totals { intended: 100, sent: 10, not_sent: 90, ok: 10, failed: 0 });
    assert_eq!(work.most.load(Ordering::Relaxed), 10);
}

/// Of calls that were meant for each millisecond from the start on, and ended at a time: all but the last ones of those have
/// waited so long, however late they were sent.
#[track_caller]
fn assert_waited_until(ended: Duration, recorder: &Recorder) {
    let mut latency = crate::Histogram::new();
    recorder.kinds.values().for_each(|tally| latency.merge(&tally.latency));
    for waited in [25, 50, 75, 95].map(Duration::from_millis) {
        let expected = (ended.saturating_sub(waited).as_secs_f64() * 1_000.0).floor().min(100.0);
        let counted = latency.count_at_least(waited.mul_f64(0.99)) as f64;
        assert!(counted >= expected, "{counted} of {expected} waited for {waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_of_the_work_is_in_the_latency_of_all_calls_that_were_meant_for_it() {
    let ((work, opener, mut waiting), recorder) = (gate(false), recorder());
    let (engine, _brake) = Engine::start(intents(1_000.0, 100), 1_000, Arc::clone(&recorder)).unwrap();
    let start = engine.start_time();
    let open_when_all_wait = async {
        waiting.wait_for(|waiting| *waiting == 100).await.unwrap();
        let opened = start.elapsed();
        opener.send_replace(true);
        opened
    };
    let ((), opened) = tokio::join!(engine.run(work), open_when_all_wait);
    assert_waited_until(opened, &locked(&recorder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_of_the_generator_is_in_the_latency_too() {
    let ((work, _opener, _waiting), recorder) = (gate(true), recorder());
    let (engine, _brake) = Engine::start(intents(1_000.0, 100), 1_000, Arc::clone(&recorder)).unwrap();
    let start = engine.start_time();
    // The runtime begins no call before the pacer has handed over all.
    while locked(&recorder).totals().sent < 100 {
        tokio::task::yield_now().await;
    }
    let begun = start.elapsed();
    engine.run(work).await;
    let recorder = locked(&recorder);
    assert_waited_until(begun, &recorder);
    assert!(recorder.begun_late.max() >= begun.mul_f64(0.99), "{:?}", recorder.begun_late.max());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_is_stopped_sends_nothing_more_and_ends() {
    let ((work, _opener, mut waiting), recorder) = (gate(true), recorder());
    waiting.mark_unchanged();
    let (engine, brake) = Engine::start(intents(100.0, 3_600_000), 10, Arc::clone(&recorder)).unwrap();
    let stop_after_the_first = async {
        waiting.changed().await.unwrap();
        brake.pull();
    };
    tokio::join!(engine.run(work), stop_after_the_first);
    let totals = locked(&recorder).totals();
    assert!(totals.sent >= 1 && totals.sent == totals.ok, "{totals:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brake_that_is_dropped_ends_the_load() {
    let ((work, _opener, _waiting), recorder) = (gate(true), recorder());
    let (engine, brake) = Engine::start(intents(1.0, 3_600_000), 10, recorder).unwrap();
    drop(brake);
    engine.run(work).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pacer_says_of_every_call_how_late_it_was() {
    let ((work, _opener, _waiting), recorder) = (gate(true), recorder());
    let (engine, _brake) = Engine::start(intents(1_000.0, 100), 1_000, Arc::clone(&recorder)).unwrap();
    engine.run(work).await;
    let recorder = locked(&recorder);
    assert_eq!((recorder.paced_late.count(), recorder.begun_late.count()), (100, 100));
    assert!(recorder.begun_late.max() >= recorder.paced_late.quantile(0.01));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_has_as_many_in_flight_as_may_be_and_sends_when_one_has_ended() {
    let ((work, opener, mut waiting), recorder) = (gate(false), recorder());
    // Long past when the gate opens.
    let duration = Duration::from_secs(3_600);
    let (closed, brake) = Closed::start(intents(1.0, 1_000), duration, Arc::clone(&recorder));
    let open_then_stop = async {
        waiting.wait_for(|waiting| *waiting == 10).await.unwrap();
        let totals = locked(&recorder).totals();
        assert_eq!((totals.sent, totals.ok), (10, 0), "nothing is sent while all wait");
        opener.send_replace(true);
        while locked(&recorder).totals().ok < 100 {
            tokio::task::yield_now().await;
        }
        brake.pull();
    };
    tokio::join!(closed.run(Arc::clone(&work), 10), open_then_stop);
    let totals = locked(&recorder).totals();
    assert_eq!((totals.sent, totals.not_sent, totals.failed), (totals.ok, 0, 0));
    assert_eq!(work.most.load(Ordering::Relaxed), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_ends_with_its_time() {
    let ((work, _opener, _waiting), recorder) = (gate(true), recorder());
    let duration = Duration::from_millis(20);
    let (closed, _brake) = Closed::start(intents(1.0, 1_000), duration, Arc::clone(&recorder));
    let start = closed.start_time();
    closed.run(work, 2).await;
    assert!(start.elapsed() >= duration && locked(&recorder).totals().ok > 0);
}
