use std::time::Duration;

use uuid::Uuid;

use crate::arrivals::{Arrivals, Schedule};
use crate::catalogue::Choice;
use crate::mix::Mix;

/// What a load is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the gateway is, such as `http://127.0.0.1:8080`.
    pub gateway: String,
    /// Connections, each used in turn; 1 to [`Settings::MAX_CONNECTIONS`].
    pub connections: usize,
    /// How many sends a second, and for how long.
    pub schedule: Schedule,
    /// How they are spread.
    pub arrivals: Arrivals,
    /// What is sent.
    pub mix: Mix,
    /// Products to choose from; all of the catalogue where there is none.
    pub products: Vec<Choice>,
    /// The seed of times, kinds and products.
    pub seed: u64,
    /// Names this run: another one each time, since its request_ids and customers are made from it.
    pub run: Uuid,
    /// How long a call may take with all its tries, from when it is sent; at least a millisecond.
    pub deadline: Duration,
    /// Calls in flight at most, 1 to [`Settings::MAX_IN_FLIGHT`]; what comes beyond is not sent.
    pub in_flight: usize,
    /// How often a call is sent again, with the same request_id, that ends in UNAVAILABLE or that the shop wants to come again
    /// later, which it then does no sooner; 0 to [`Settings::MAX_RETRIES`].
    pub retries: u32,
    /// Whether the shop may record traces of the calls; where not, each call says that its trace is not sampled.
    pub traced: bool,
    /// The length of a bucket of the time series, at least 10 ms.
    pub interval: Duration,
    /// How long orders are followed to their end after the last call.
    pub patience: Duration,
}

/// Why a load cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The number of connections.
    #[error("there must be 1 to {most} connections, not {0}", most = Settings::MAX_CONNECTIONS)]
    Connections(usize),
    /// The number of calls in flight.
    #[error("there must be room for 1 to {most} calls in flight, not {0}", most = Settings::MAX_IN_FLIGHT)]
    InFlight(usize),
    /// The number of retries.
    #[error("there may be {most} retries at most, not {0}", most = Settings::MAX_RETRIES)]
    Retries(u32),
    /// The deadline.
    #[error("the deadline must be 1 ms to an hour, not {0:?}")]
    Deadline(Duration),
    /// The buckets.
    #[error("the interval of the time series must be 10 ms to an hour, not {0:?}")]
    Interval(Duration),
}

impl Settings {
    /// Connections at most.
    pub const MAX_CONNECTIONS: usize = 1_000;
    /// Calls in flight at most.
    pub const MAX_IN_FLIGHT: usize = 100_000;
    /// Retries at most.
    pub const MAX_RETRIES: u32 = 10;
    const HOUR: Duration = Duration::from_secs(3_600);

    /// A load with all else as usual: 4 connections, constant arrivals, one order among nine visits, 5 s for each call, 1,000 in
    /// flight, no retries, buckets of a second, 30 s for orders to end.
    pub fn new(gateway: impl Into<String>, schedule: Schedule, run: Uuid) -> Self {
        Self {
            gateway: gateway.into(),
            connections: 4,
            schedule,
            arrivals: Arrivals::default(),
            mix: Mix::default(),
            products: Vec::new(),
            seed: 1,
            run,
            deadline: Duration::from_secs(5),
            in_flight: 1_000,
            retries: 0,
            traced: true,
            interval: Duration::from_secs(1),
            patience: Duration::from_secs(30),
        }
    }

    /// All that is wrong with them.
    pub fn errors(&self) -> Vec<SettingsError> {
        let mut errors = Vec::new();
        let mut check = |is_right: bool, error: SettingsError| errors.extend((!is_right).then_some(error));
        let connections = (1..=Self::MAX_CONNECTIONS).contains(&self.connections);
        check(connections, SettingsError::Connections(self.connections));
        let in_flight = (1..=Self::MAX_IN_FLIGHT).contains(&self.in_flight);
        check(in_flight, SettingsError::InFlight(self.in_flight));
        check(self.retries <= Self::MAX_RETRIES, SettingsError::Retries(self.retries));
        let deadline = (Duration::from_millis(1)..=Self::HOUR).contains(&self.deadline);
        check(deadline, SettingsError::Deadline(self.deadline));
        let interval = (Duration::from_millis(10)..=Self::HOUR).contains(&self.interval);
        check(interval, SettingsError::Interval(self.interval));
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let schedule = Schedule::constant(1.0, Duration::from_secs(1)).unwrap();
        let right = Settings::new("http://127.0.0.1:1", schedule, Uuid::nil());
        assert_eq!(right.errors(), []);
        let wrong = Settings {
            connections: 0,
            in_flight: 0,
            retries: 11,
            deadline: Duration::ZERO,
            interval: Duration::ZERO,
            ..right
        };
        assert_eq!(wrong.errors().len(), 5);
    }
}
