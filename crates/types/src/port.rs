use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

/// Tells the time of day. A port: the process edge gives the system's clock, tests and the simulation their own.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, in UTC, to the microsecond. It may step back.
    fn now(&self) -> Timestamp;
}

/// Makes ids and chance. A port, like [`Clock`].
pub trait Ids: fmt::Debug + Send + Sync + 'static {
    /// A new UUID of version 7, which grows with time.
    fn uuid(&self) -> Uuid;

    /// A number from 0 to below 1, for jitter.
    fn fraction(&self) -> f64;
}
