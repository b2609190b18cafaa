use tokio::time::Instant;

use crate::arrivals::Times;
use crate::failure::Failure;
use crate::mix::{Kind, Mix};
use crate::random::Random;

/// A call that is meant to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intent {
    /// From 0, in the order of time.
    pub(crate) number: u64,
    /// When it is meant to be sent.
    pub(crate) at: Instant,
    /// What it is.
    pub(crate) kind: Kind,
    /// Chance, for what is in it.
    pub(crate) draw: u64,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How its first try ended.
    pub(crate) first: Result<(), Failure>,
    /// How its last try ended; the same where there was one alone.
    pub(crate) last: Result<(), Failure>,
}

/// All that is meant to be sent, in the order of time. The outcome of a call changes nothing of what comes.
#[derive(Debug)]
pub(crate) struct Intents {
    pub(crate) times: Times,
    pub(crate) mix: Mix,
    pub(crate) random: Random,
    pub(crate) count: u64,
}

/// The stream of the seed that kinds and contents are drawn from.
const CONTENTS: u64 = 2;

impl Intents {
    pub(crate) fn new(times: Times, mix: Mix, seed: u64) -> Self {
        Self { times, mix, random: Random::new(seed, CONTENTS), count: 0 }
    }

    /// The next one, of a load that started then.
    pub(crate) fn next(&mut self, start: Instant) -> Option<Intent> {
        let after = self.times.next()?;
        Some(self.at(start + after))
    }

    /// The next one, at this time, where times come of how it goes.
    pub(crate) fn at(&mut self, at: Instant) -> Intent {
        let number = self.count;
        self.count += 1;
        let kind = self.mix.kind(self.random.next());
        Intent { number, at, kind, draw: self.random.next() }
    }
}
