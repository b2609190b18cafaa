//! A handler that does as it is told.

use std::collections::BTreeMap;
use std::sync::Mutex;

use madang_db::{Tx, params};
use madang_events::{Event, Failure, Handler, Outcome};

/// What an event meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Transient,
    Permanent,
    Panic,
    Db,
    Sql,
}

/// A handler that writes each event down, after which faults strike: a part of the effect is always there to be rolled back.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// The next faults of each position, and how often each struck: the last one stays if it is for ever.
    faults: Mutex<BTreeMap<i64, (Fault, u32)>>,
    hook_failures: Mutex<u32>,
    tries: Mutex<BTreeMap<i64, u32>>,
}

pub(crate) const FOR_EVER: u32 = u32::MAX;

impl Recorder {
    /// The event at the position fails so many times.
    pub(crate) fn failing(self, position: i64, fault: Fault, times: u32) -> Self {
        self.fail(position, fault, times);
        self
    }

    pub(crate) fn failing_hook(self, times: u32) -> Self {
        *self.hook_failures.lock().unwrap() = times;
        self
    }

    pub(crate) fn fail(&self, position: i64, fault: Fault, times: u32) {
        self.faults.lock().unwrap().insert(position, (fault, times));
    }

    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// How often the event at the position was tried.
    pub(crate) fn tries(&self, position: i64) -> u32 {
        self.tries.lock().unwrap().get(&position).copied().unwrap_or_default()
    }

    fn strike(&self, position: i64) -> Option<Fault> {
        *self.tries.lock().unwrap().entry(position).or_default() += 1;
        let mut faults = self.faults.lock().unwrap();
        let (fault, times) = faults.get_mut(&position).filter(|(_, times)| *times > 0)?;
        *times -= 1;
        Some(*fault)
    }
}

impl Handler for Recorder {
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
        tx.execute_one(
            "INSERT INTO effects (place, position, event_key)
             VALUES ((SELECT COALESCE(MAX(place), 0) + 1 FROM effects), $1, $2)",
            &params![event.position, &event.key],
        )?;
        let detail = format!("told to at {}", event.position);
        match self.strike(event.position) {
            None => Ok(Outcome::Applied),
            Some(Fault::Transient) => Err(Failure::Transient { reason: "NOT_YET", detail }),
            Some(Fault::Permanent) => Err(Failure::Permanent { reason: "NEVER", detail }),
            Some(Fault::Panic) => panic!("{detail}"),
            Some(Fault::Sql) => {
                Ok(tx.execute("INSERT INTO no_such_table VALUES (1)", &[]).map(|_| Outcome::Applied)?)
            }
            Some(Fault::Db) => Err(madang_db::Error::Unavailable("the disk is full".into()).into()),
        }
    }

    fn dead_lettered(
        &self,
        tx: &mut Tx<'_>,
        event: &Event,
        failure: &Failure,
    ) -> Result<(), madang_db::Error> {
        let sql = "INSERT INTO given_up (position, reason) VALUES ($1, $2)";
        tx.execute_one(sql, &params![event.position, failure.reason()])?;
        let mut failures = self.hook_failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(madang_db::Error::Unavailable("the disk is full".into()));
        }
        Ok(())
    }
}
