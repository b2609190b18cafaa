//! Harm on purpose, for experiments: calls are delayed, refused, or done and their answer lost. Each fault ends by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use madang_api::faults::v1::Fault;
use madang_api::faults::v1::fault_service_server::FaultServiceServer;
use madang_types::{Clock, Ids};
use tokio::time::Instant;
use tonic::Code;

use crate::Platform;

mod inject;
mod service;

pub(crate) use inject::FaultInjection;

const MAX_FAULTS: usize = 16;

/// The faults that are set.
#[derive(Clone)]
pub(crate) struct Faults {
    set: Arc<Mutex<BTreeMap<String, Active>>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

/// What is asked for, checked.
struct Order {
    fault: Fault,
    harm: Harm,
    ttl: Duration,
}

struct Active {
    fault: Fault,
    harm: Harm,
    /// On the clock that does not step, so that no fault outlives its time.
    ends: Instant,
}

/// What is done to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Harm {
    delay: Duration,
    code: Option<Code>,
    lose_answer: bool,
}

/// There are [`MAX_FAULTS`] already.
struct TooMany;

impl Faults {
    pub(crate) fn new(platform: &Platform) -> Self {
        let (clock, ids) = (Arc::clone(&platform.clock), Arc::clone(&platform.ids));
        Self { set: Arc::default(), clock, ids }
    }

    pub(crate) fn service(&self) -> FaultServiceServer<Self> {
        FaultServiceServer::new(self.clone())
    }

    fn set(&self, order: Order) -> Result<Fault, TooMany> {
        let Order { mut fault, harm, ttl } = order;
        fault.expire_time = Some(madang_api::convert::timestamp(self.after(ttl)));
        self.with(|set| {
            if set.len() >= MAX_FAULTS && !set.contains_key(&fault.fault_id) {
                return Err(TooMany);
            }
            let active = Active { fault: fault.clone(), harm, ends: Instant::now() + ttl };
            set.insert(fault.fault_id.clone(), active);
            Ok(fault)
        })
    }

    fn list(&self) -> Vec<Fault> {
        self.with(|set| set.values().map(|active| active.fault.clone()).collect())
    }

    fn clear(&self) -> usize {
        self.with(|set| std::mem::take(set).len())
    }

    /// What is done to a call of this method, by chance.
    fn harm(&self, method: &str) -> Vec<Harm> {
        let matching: Vec<_> = self.with(|set| {
            let meant = |fault: &Fault| fault.method.is_empty() || fault.method == method;
            set.values()
                .filter(|active| meant(&active.fault))
                .map(|active| (active.fault.percent, active.harm))
                .collect()
        });
        let hit = |percent: i32| self.ids.fraction() * 100.0 < f64::from(percent);
        matching.into_iter().filter(|(percent, _)| hit(*percent)).map(|(_, harm)| harm).collect()
    }

    /// Works on the faults that have not ended.
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Active>) -> T) -> T {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        set.retain(|_, active| active.ends > now);
        work(&mut set)
    }

    fn after(&self, ttl: Duration) -> Timestamp {
        let ttl = SignedDuration::try_from(ttl).unwrap_or_default();
        self.clock.now().saturating_add(ttl).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}
