use std::sync::Arc;

use madang_types::{Clock, Ids};

use crate::telemetry::LogLevel;
use crate::testing::{SeededIds, TestClock};
use crate::{Connector, Metrics, Readiness, Service, Shutdown, SystemClock, SystemIds, Tasks};

/// Everything that a service gets from outside. `main` makes the system's; tests and the simulation make their own.
/// Clones share all parts.
#[derive(Clone, Debug)]
pub struct Platform {
    /// What service this is.
    pub service: Service,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
    /// How calls leave.
    pub connector: Connector,
    /// What is counted and measured.
    pub metrics: Metrics,
    /// What runs in the background.
    pub tasks: Tasks,
    /// When to end.
    pub shutdown: Shutdown,
    /// Whether calls can be taken.
    pub readiness: Readiness,
    /// What is logged; of no use where telemetry was not started.
    pub log_level: LogLevel,
}

impl Platform {
    /// The system's clock, ids and network.
    pub fn system(service: Service) -> Self {
        Self::new(service, Arc::new(SystemClock), Arc::new(SystemIds))
    }

    /// A clock that stands still and the ids of seed 0. Set [`Platform::connector`] to that of a
    /// [`Network`](crate::Network) where services call each other, and `clock` or `ids` to keep a handle on them.
    pub fn test(service: Service) -> Self {
        Self::new(service, Arc::new(TestClock::new()), Arc::new(SeededIds::new(0)))
    }

    /// A platform with this clock and these ids, on TCP.
    pub fn new(service: Service, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let shutdown = Shutdown::new();
        Self {
            service,
            clock,
            ids,
            connector: Connector::tcp(),
            metrics: Metrics::new(service),
            tasks: Tasks::new(shutdown.clone()),
            readiness: Readiness::new(shutdown.clone()),
            shutdown,
            log_level: LogLevel::default(),
        }
    }

    /// Waits for what the service cannot serve without, which `/readyz` names meanwhile. `None` once the shutdown began: then
    /// nothing is to be served any more.
    pub async fn waits_for<T>(&self, name: &'static str, work: impl Future<Output = T>) -> Option<T> {
        let _missing = self.readiness.guard(name);
        tokio::select! {
            biased;
            () = self.shutdown.begun() => None,
            done = work => Some(done),
        }
    }
}
