//! When calls are meant to be sent: computed from rate and seed alone, so never from what the shop does.

use std::time::Duration;

use serde::Serialize;

use crate::random::Random;

/// How sends are spread in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// All gaps are the same.
    #[default]
    Constant,
    /// Gaps as independent customers make them: exponentially distributed, so that sends come in bursts.
    Poisson,
    /// No times at all, a closed loop: each call is sent when one before it has ended, so that as many are in flight as may be, for the
    /// time of the schedule, at whatever rate comes of it. It measures how much can be done, and hides a stall: a
    /// latency then begins when its call is sent.
    Closed,
}

/// A rate that holds for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// Sends a second.
    pub rate: f64,
    /// How long.
    pub duration: Duration,
}

/// Phases, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    phases: Vec<Phase>,
}

/// Why a schedule cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// Such a rate cannot be kept by any machine, or never sends.
    #[error("the rate must be above 0 and at most {most} a second, not {0}", most = Schedule::MAX_RATE)]
    Rate(f64),
    /// Nothing happens in no time, and beyond a day counts get too large.
    #[error("the duration must be longer than 0 and at most a day, not {0:?}")]
    Duration(Duration),
}

impl Schedule {
    /// Sends a second, at most.
    pub const MAX_RATE: f64 = 1_000_000.0;
    /// The longest phase.
    pub const MAX_DURATION: Duration = Duration::from_secs(86_400);

    /// A constant rate in sends a second.
    ///
    /// # Errors
    /// [`ScheduleError`] where rate or duration cannot be.
    pub fn constant(rate: f64, duration: Duration) -> Result<Self, ScheduleError> {
        Self { phases: Vec::new() }.then(rate, duration)
    }

    /// The same, and then another rate.
    ///
    /// # Errors
    /// [`ScheduleError`] where rate or duration cannot be.
    pub fn then(mut self, rate: f64, duration: Duration) -> Result<Self, ScheduleError> {
        if !(rate > 0.0 && rate <= Self::MAX_RATE) {
            return Err(ScheduleError::Rate(rate));
        }
        if duration.is_zero() || duration > Self::MAX_DURATION {
            return Err(ScheduleError::Duration(duration));
        }
        self.phases.push(Phase { rate, duration });
        Ok(self)
    }

    /// Its phases.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// All phases together.
    pub fn duration(&self) -> Duration {
        self.phases.iter().map(|phase| phase.duration).sum()
    }

    /// The times of all sends, from the start of the load, in their order.
    pub(crate) fn times(&self, arrivals: Arrivals, seed: u64) -> Times {
        let random = Random::new(seed, TIMES);
        Times { phases: self.phases.clone().into_iter(), phase: None, arrivals, random }
    }
}

/// The stream of the seed that times are drawn from.
const TIMES: u64 = 1;

/// An iterator over times from the start of the load.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    phases: std::vec::IntoIter<Phase>,
    phase: Option<Current>,
    arrivals: Arrivals,
    random: Random,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    phase: Phase,
    begin: Duration,
    /// Sends so far in this phase.
    count: u64,
    /// The last send in this phase, in seconds; for those that are drawn.
    at: f64,
}

impl Current {
    /// The next time within the phase, in seconds. A constant rate is counted and not added up, so that it does not drift.
    #[expect(clippy::cast_precision_loss, reason = "fewer sends than a float counts exactly")]
    fn next(&mut self, arrivals: Arrivals, random: &mut Random) -> Option<Duration> {
        let seconds = match arrivals {
            Arrivals::Constant => self.count as f64 / self.phase.rate,
            Arrivals::Poisson => self.at - (1.0 - random.fraction()).ln() / self.phase.rate,
            Arrivals::Closed => f64::INFINITY,
        };
        (self.count, self.at) = (self.count + 1, seconds);
        Duration::try_from_secs_f64(seconds).ok().filter(|within| *within < self.phase.duration)
    }
}

impl Iterator for Times {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            if self.phase.is_none() {
                let phase = self.phases.next()?;
                self.phase = Some(Current { phase, begin: Duration::ZERO, count: 0, at: 0.0 });
            }
            let current = self.phase.as_mut()?;
            if let Some(within) = current.next(self.arrivals, &mut self.random) {
                return Some(current.begin + within);
            }
            let begin = current.begin + current.phase.duration;
            let phase = self.phases.next()?;
            self.phase = Some(Current { phase, begin, count: 0, at: 0.0 });
        }
    }
}

#[cfg(test)]
mod tests;
