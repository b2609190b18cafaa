//! Time and ids that a test or the simulation owns.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_types::{Clock, Ids};
use tokio::time::Instant;
use uuid::Uuid;

/// 2026-01-01T00:00:00Z, in seconds.
const START: i64 = 1_767_225_600;

/// A clock that moves when it is told to, or with tokio's clock, which a test may pause.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Hands>>);

struct Hands {
    time: Timestamp,
    follows: Option<Instant>,
}

impl TestClock {
    /// A clock that stands at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        let time = Timestamp::from_second(START).unwrap_or_default();
        Self(Arc::new(Mutex::new(Hands { time, follows: None })))
    }

    /// A clock that starts at 2026-01-01T00:00:00Z and goes as tokio's clock does.
    pub fn following_tokio() -> Self {
        let clock = Self::new();
        clock.hands().follows = Some(Instant::now());
        clock
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        hands.time = hands.time.saturating_add(signed(by)).unwrap_or(Timestamp::MAX);
    }

    /// Moves the clock back, as a correction of the system's time does.
    pub fn step_back(&self, by: Duration) {
        let mut hands = self.hands();
        hands.time = hands.time.saturating_sub(signed(by)).unwrap_or(Timestamp::MIN);
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClock").field(&self.now()).finish()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let hands = self.hands();
        let gone = hands.follows.map(|start| signed(start.elapsed())).unwrap_or_default();
        hands.time.saturating_add(gone).unwrap_or(Timestamp::MAX)
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Ids and chance that are the same for the same seed.
#[derive(Clone, Debug)]
pub struct SeededIds(Arc<Mutex<Sequence>>);

#[derive(Debug)]
struct Sequence {
    state: u64,
    made: u64,
}

impl SeededIds {
    /// The ids of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Sequence { state: seed, made: 0 })))
    }

    fn next(&self) -> (u64, u64) {
        let mut sequence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sequence.made += 1;
        // splitmix64: every seed gives a full period, and neighbouring seeds differ at once.
        sequence.state = sequence.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = sequence.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (sequence.made, bits ^ (bits >> 31))
    }
}

impl Ids for SeededIds {
    fn uuid(&self) -> Uuid {
        let (made, bits) = self.next();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&bits.to_be_bytes());
        let millis = START.unsigned_abs() * 1000 + made;
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    fn fraction(&self) -> f64 {
        (self.next().1 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_that_grows() {
        let (one, other) = (SeededIds::new(7), SeededIds::new(7));
        let first: Vec<_> = (0..3).map(|_| one.uuid()).collect();
        assert_eq!(first, (0..3).map(|_| other.uuid()).collect::<Vec<_>>());
        assert!(first.is_sorted());
        assert_ne!(first[0], SeededIds::new(8).uuid());
        assert!((0..1000).all(|_| (0.0..1.0).contains(&one.fraction())));
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_stands_steps_and_follows() {
        let clock = TestClock::new();
        let start = clock.now();
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().duration_since(start).as_secs(), 5);
        clock.step_back(Duration::from_secs(6));
        assert_eq!(clock.now().duration_since(start).as_secs(), -1);
        let clock = TestClock::following_tokio();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now().duration_since(start).as_secs(), 3);
    }
}
