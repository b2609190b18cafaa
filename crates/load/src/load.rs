use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::arrivals::Arrivals;
use crate::book;
use crate::engine::{Closed, Engine, locked};
use crate::intent::Intents;
use crate::pacer::Brake;
use crate::record::{Recorder, Snapshot};
use crate::report::{End, Report};
use crate::settings::{Settings, SettingsError};
use crate::shop::Shop;
use crate::threads::Threads;

/// Why there is no load, or no report of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings that cannot be; the first of [`Settings::errors`].
    #[error("the load cannot be as it is set")]
    Settings(#[source] SettingsError),
    /// The gateway's address is none.
    #[error("`{gateway}` is no address of a gateway")]
    Address {
        /// What was given.
        gateway: String,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
    /// Nothing listens there.
    #[error("the gateway cannot be reached at {gateway}")]
    Unreachable {
        /// Where it was looked for.
        gateway: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The products cannot be listed.
    #[error("the catalogue cannot be read")]
    Catalogue(#[source] Box<Status>),
    /// There is nothing to look at or to order.
    #[error("the catalogue has no products")]
    NoProducts,
    /// The system gives no threads.
    #[error("the threads of the load cannot be started")]
    Threads(#[source] io::Error),
    /// A defect of the generator.
    #[error("the load ended by a panic")]
    Panicked(#[source] JoinError),
}

/// A load under way. It has threads of its own, so that what else its owner does has no part in the latencies. Dropped, it ends at
/// once without a report.
#[derive(Debug)]
pub struct Load {
    settings: Settings,
    threads: Threads,
    recorder: Arc<Mutex<Recorder>>,
    brake: Brake,
    start: Instant,
    /// When it was stopped, since the start.
    stopped: Option<Duration>,
    shop: Arc<Shop>,
    is_done: watch::Receiver<bool>,
    calls: JoinHandle<()>,
}

impl Load {
    /// Connects, reads the catalogue, and starts to send.
    ///
    /// # Errors
    /// All but [`Error::Panicked`], before anything is sent.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        if let Some(error) = settings.errors().into_iter().next() {
            return Err(Error::Settings(error));
        }
        let threads = Threads::start().map_err(Error::Threads)?;
        let told = settings.clone();
        let shop = threads.spawn(async move { Shop::open(&told).await });
        let shop = Arc::new(shop.await.map_err(Error::Panicked)??);
        let recorder = Arc::new(Mutex::new(Recorder::new(settings.interval)));
        let Begun { start, brake, running } = begin(&settings, Arc::clone(&recorder), Arc::clone(&shop))?;
        let (done, is_done) = watch::channel(false);
        let calls = threads.spawn(async move {
            running.await;
            done.send_replace(true);
        });
        Ok(Self { settings, threads, recorder, brake, start, stopped: None, shop, is_done, calls })
    }

    /// What happened since this was asked before, and since the start.
    pub fn snapshot(&self) -> Snapshot {
        locked(&self.recorder).snapshot(self.start.elapsed())
    }

    /// Sends nothing more. Calls in flight go on to their end.
    pub fn stop(&mut self) {
        let schedule = self.settings.schedule.duration();
        let elapsed = self.start.elapsed();
        if elapsed < schedule && self.stopped.is_none() {
            self.stopped = Some(elapsed);
        }
        self.brake.pull();
    }

    /// Waits until the last call has ended: at the end of the schedule, or after [`Load::stop`].
    pub async fn done(&self) {
        // An error is the end of the task, by a panic.
        let _done = self.is_done.clone().wait_for(|is_done| *is_done).await.is_ok();
    }

    /// Waits until the last call has ended, follows the orders to their end, for [`Settings::patience`] at most, and tells all.
    /// Whatever is not done when `hurry` is ready is told as unanswered and unread.
    ///
    /// # Errors
    /// [`Error::Panicked`] for a defect of the generator.
    pub async fn report(mut self, hurry: impl Future<Output = ()>) -> Result<Report, Error> {
        let (shop, patience) = (Arc::clone(&self.shop), self.settings.patience);
        let mut calls = self.calls;
        let ended = async {
            (&mut calls).await?;
            let follow = async move { timeout(patience, book::follow(&shop)).await.is_ok() };
            self.threads.spawn(follow).await
        };
        tokio::select! {
            ended = ended => {
                let _in_time = ended.map_err(Error::Panicked)?;
            }
            () = hurry => self.brake.pull(),
        }
        let recorder = locked(&self.recorder).clone();
        let schedule = self.settings.schedule.duration();
        let elapsed = self.start.elapsed();
        if !*self.is_done.borrow() && elapsed < schedule {
            self.stopped.get_or_insert(elapsed);
        }
        let orders = self.shop.book().count();
        let sent_for = self.stopped.unwrap_or(schedule);
        let end = End { sent_for, stopped_early: self.stopped.is_some(), orders };
        Ok(Report::new(&self.settings, recorder, end))
    }
}

/// A load that has begun to send.
struct Begun {
    start: Instant,
    brake: Brake,
    /// Ends with the last call.
    running: Pin<Box<dyn Future<Output = ()> + Send>>,
}

fn begin(settings: &Settings, recorder: Arc<Mutex<Recorder>>, work: Arc<Shop>) -> Result<Begun, Error> {
    let times = settings.schedule.times(settings.arrivals, settings.seed);
    let intents = Intents::new(times, settings.mix, settings.seed);
    match settings.arrivals {
        Arrivals::Closed => {
            let (closed, brake) = Closed::start(intents, settings.schedule.duration(), recorder);
            let (start, in_flight) = (closed.start_time(), settings.in_flight);
            Ok(Begun { start, brake, running: Box::pin(closed.run(work, in_flight)) })
        }
        Arrivals::Constant | Arrivals::Poisson => {
            let started = Engine::start(intents, settings.in_flight, recorder);
            let (engine, brake) = started.map_err(Error::Threads)?;
            Ok(Begun { start: engine.start_time(), brake, running: Box::pin(engine.run(work)) })
        }
    }
}
