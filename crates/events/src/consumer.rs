mod batch;
mod cursors;
mod dead_letters;
mod discard;
mod gather;
mod lag;
mod redrive;
mod runner;
mod store;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use madang_api::events::v1::cursor_service_server::CursorServiceServer;
use madang_api::events::v1::dead_letter_service_server::DeadLetterServiceServer;
use madang_chassis::Platform;
use madang_db::Db;
use madang_types::Clock;

pub use cursors::Cursors;
pub use dead_letters::DeadLetters;

use crate::{GATHER, Handler, Source};

/// How events are consumed.
#[derive(Debug, Clone)]
pub struct ConsumersConfig {
    /// What comes so soon after a commit waits for the next, unless it is [`BATCH`](crate::BATCH) events.
    pub gather: Duration,
    /// Tries of an event that fails with [`Failure::Transient`](crate::Failure), then it is a dead letter.
    pub max_attempts: u32,
    /// The first and the longest pause between tries of an event.
    pub retry: (Duration, Duration),
    /// The first and the longest pause before a broken subscription is made again.
    pub reconnect: (Duration, Duration),
    /// How often a consumer that stopped with an alarm looks whether it can go on.
    pub recheck: Duration,
    /// How often the lag is measured.
    pub measure: Duration,
}

impl Default for ConsumersConfig {
    fn default() -> Self {
        Self {
            gather: GATHER,
            max_attempts: 5,
            retry: (Duration::from_millis(100), Duration::from_secs(10)),
            reconnect: (Duration::from_millis(50), Duration::from_secs(2)),
            recheck: Duration::from_secs(30),
            measure: Duration::from_secs(5),
        }
    }
}

/// A producer whose events are consumed.
#[derive(Clone)]
pub struct Subscription {
    /// The producer's name, which names the cursor: never change it.
    pub producer: &'static str,
    /// Where its events come from.
    pub source: Arc<dyn Source>,
    /// What is done with them.
    pub handler: Arc<dyn Handler>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// The consumers of one database: a task for each producer, and the services that operators ask.
#[derive(Debug, Clone)]
pub struct Consumers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    db: Db,
    clock: Arc<dyn Clock>,
    subscriptions: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    subscription: Subscription,
    /// Why the reading has stopped, as an error reason.
    alarm: Mutex<Option<&'static str>>,
}

impl Followed {
    /// Sets the alarm; gives the one before.
    fn set_alarm(&self, alarm: Option<&'static str>) -> Option<&'static str> {
        std::mem::replace(&mut self.alarm.lock().unwrap_or_else(PoisonError::into_inner), alarm)
    }

    fn alarm(&self) -> Option<&'static str> {
        *self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumers {
    /// Starts to consume, from the cursors in this database; ends with the platform's shutdown.
    pub fn start(
        db: &Db,
        platform: &Platform,
        subscriptions: Vec<Subscription>,
        config: &ConsumersConfig,
    ) -> Self {
        let followed = |subscription| Followed { subscription, alarm: Mutex::new(None) };
        let subscriptions = subscriptions.into_iter().map(followed).collect();
        let clock = Arc::clone(&platform.clock);
        let shared = Arc::new(Shared { db: db.clone(), clock, subscriptions });
        for index in 0..shared.subscriptions.len() {
            let runner = runner::Runner::new(&shared, index, platform, config);
            platform.tasks.spawn("events-consumer", runner.run());
        }
        platform.tasks.spawn("events-lag", lag::Lag::new(&shared, platform, config.measure).run());
        Self(shared)
    }

    /// The service of dead letters, to be added to the server.
    pub fn dead_letters(&self) -> DeadLetterServiceServer<DeadLetters> {
        DeadLetterServiceServer::new(DeadLetters::new(Arc::clone(&self.0)))
    }

    /// The service of cursors, to be added to the server.
    pub fn cursors(&self) -> CursorServiceServer<Cursors> {
        CursorServiceServer::new(Cursors::new(Arc::clone(&self.0)))
    }
}

impl Shared {
    fn followed(&self, producer: &str) -> Option<&Followed> {
        self.subscriptions.iter().find(|followed| followed.subscription.producer == producer)
    }
}
