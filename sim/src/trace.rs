use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_types::Clock;
use sha2::{Digest, Sha256};

/// 2026-01-01T00:00:00Z, in seconds.
const START: i64 = 1_767_225_600;

/// The simulation's own time, as the network has it, and what happened in it, in order, as one hash.
#[derive(Clone, Default)]
pub struct Trace(Arc<Inner>);

#[derive(Default)]
struct Inner {
    micros: AtomicU64,
    calm: AtomicBool,
    lines: AtomicU64,
    messages: AtomicU64,
    hash: Mutex<Sha256>,
}

impl Trace {
    /// Sets the time, at the start of a step.
    pub fn set_now(&self, now: Duration) {
        self.0.micros.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.0.micros.load(Ordering::Relaxed))
    }

    /// From now on the network harms nothing.
    pub fn calm_down(&self) {
        self.0.calm.store(true, Ordering::Relaxed);
    }

    /// Whether the network harms nothing.
    pub fn is_calm(&self) -> bool {
        self.0.calm.load(Ordering::Relaxed)
    }

    /// Adds something that happened: it is part of the hash, and of the log where that is on.
    pub fn tell(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>10.3} {what}\n", self.now().as_secs_f64());
        self.0.lines.fetch_add(1, Ordering::Relaxed);
        tracing::info!(target: "sim", "{}", line.trim_end());
        self.0.hash.lock().unwrap_or_else(PoisonError::into_inner).update(line.as_bytes());
    }

    /// The same for a message that reached its receiver, with its content.
    pub fn delivered(&self, what: fmt::Arguments<'_>, content: &[u8]) {
        self.0.messages.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(content);
        let short = digest.iter().take(4).fold(0_u32, |short, byte| short << 8 | u32::from(*byte));
        self.tell(format_args!("{what} {}B {short:08x}", content.len()));
    }

    /// The hash of all that happened so far, how many lines it is, and how many messages.
    pub fn hash(&self) -> (String, u64, u64) {
        let digest = self.0.hash.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        (hex, self.0.lines.load(Ordering::Relaxed), self.0.messages.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A host's time of day: the simulation's, and what it was stepped by.
#[derive(Clone, Debug)]
pub(crate) struct HostClock {
    trace: Trace,
    offset: Arc<AtomicI64>,
}

impl HostClock {
    /// A clock that is right.
    pub(crate) fn new(trace: &Trace) -> Self {
        Self { trace: trace.clone(), offset: Arc::default() }
    }

    /// Steps the clock by so many seconds, back where negative.
    pub(crate) fn step(&self, seconds: i64) {
        self.offset.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(START + self.offset.load(Ordering::Relaxed)).unwrap_or_default();
        let gone = SignedDuration::try_from(self.trace.now()).unwrap_or(SignedDuration::MAX);
        start.saturating_add(gone).unwrap_or(Timestamp::MAX)
    }
}
