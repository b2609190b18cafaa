//! The shop's processes on this machine: started, watched until they are ready, ended by their process ids.
//!
//! Invariant: a process that was started is ended: by [`Supervisor::stop`], by its handle's drop, or, where `madang` itself was
//! killed, by the system (see `launch`).

mod backoff;
mod log;
mod process;
mod ready;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future;
use rustix::process::Signal;

use crate::output::Progress;
use crate::shop::{Folder, Ports, Service, Shop};

pub use backoff::Backoff;
pub use process::Ended;
pub use ready::{Info, NotReady, info, is_ready};

use process::Process;

/// What services log unless told otherwise: as they do alone. Of migrations only the warnings are of use.
pub const DEFAULT_LOG_LEVEL: &str = "info,refinery_core=warn";

/// What is needed to start services.
#[derive(Debug)]
pub struct Plan {
    /// Where their data is.
    pub folder: Folder,
    /// Where they listen.
    pub ports: Ports,
    /// What they log.
    pub log_level: String,
    /// Whether they send traces to the console.
    pub traces: bool,
    /// What some services are told besides: service, variable, value. It goes over all else.
    pub settings: Vec<(Service, String, String)>,
    /// `madang` itself; the services' binaries stand beside it.
    madang: PathBuf,
}

/// The shop's processes.
#[derive(Debug)]
pub struct Supervisor {
    plan: Plan,
    shop: Shop,
    processes: BTreeMap<Service, Process>,
}

impl Plan {
    /// A plan with the services that stand beside this very binary.
    ///
    /// # Errors
    /// Names the binaries that are missing.
    pub fn new(folder: Folder, ports: Ports) -> Result<Self> {
        // A link on PATH leads to the folder where the services are.
        let madang = std::env::current_exe().and_then(|path| path.canonicalize());
        let madang = madang.context("cannot find the folder of `madang` itself")?;
        let log_level = DEFAULT_LOG_LEVEL.to_owned();
        let plan = Self { folder, ports, log_level, traces: true, settings: Vec::new(), madang };
        let is_missing = |service: &Service| !plan.binary(*service).is_file();
        let missing: Vec<String> = Service::ALL.into_iter().filter(is_missing).map(Service::binary).collect();
        if !missing.is_empty() {
            let beside = plan.madang.parent().unwrap_or(Path::new("/")).display().to_string();
            bail!(
                "{} not found in {beside}; `cargo build --workspace` makes all of them",
                missing.join(", ")
            );
        }
        Ok(plan)
    }

    /// The same with other logs, such as `warn,madang_orders=debug`.
    #[must_use]
    pub fn logging(self, filter: &str) -> Self {
        Self { log_level: filter.to_owned(), ..self }
    }

    /// The same with traces or without.
    #[must_use]
    pub fn tracing(self, traces: bool) -> Self {
        Self { traces, ..self }
    }

    /// The same with more that services are told.
    #[must_use]
    pub fn telling(self, settings: Vec<(Service, String, String)>) -> Self {
        Self { settings, ..self }
    }

    fn binary(&self, service: Service) -> PathBuf {
        self.madang.with_file_name(service.binary())
    }
}

impl Supervisor {
    /// A shop of which nothing runs yet.
    pub fn new(plan: Plan) -> Self {
        let shop = Shop { logs: Some(plan.folder.logs()), ..Shop::on(&plan.ports) };
        Self { plan, shop, processes: BTreeMap::new() }
    }

    /// Where its services are, with the ids of the processes that run.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// Where its data is.
    pub fn folder(&self) -> &Folder {
        &self.plan.folder
    }

    /// Where the console receives traces, if it does.
    pub fn otlp(&self) -> Option<u16> {
        self.plan.traces.then(|| self.plan.ports.otlp())
    }

    /// Whether that is where senders look for a collector.
    pub fn has_usual_otlp(&self) -> bool {
        self.plan.ports.has_usual_otlp()
    }

    /// Keeps the logs of all services bounded.
    pub fn trim_logs(&mut self) {
        self.processes.values_mut().for_each(Process::trim_log);
    }

    /// Tells a service something from its next start on: service, variable, value.
    pub fn tell(&mut self, setting: (Service, String, String)) {
        self.plan.settings.push(setting);
    }

    /// Starts a service that does not run.
    ///
    /// # Errors
    /// Where there can be no process or no log.
    pub fn start(&mut self, service: Service) -> Result<()> {
        let process = Process::start(&self.plan, &self.shop, service)?;
        self.note_pid(service, process.id());
        self.processes.insert(service, process);
        Ok(())
    }

    /// Starts all services.
    ///
    /// # Errors
    /// Like [`Self::start`].
    pub fn start_all(&mut self) -> Result<()> {
        Service::ALL.into_iter().try_for_each(|service| self.start(service))
    }

    /// Waits until these services are ready; shows which are not.
    ///
    /// # Errors
    /// [`NotReady`] at the first that ends, or when the limit passed.
    pub async fn wait_ready(
        &mut self,
        services: &[Service],
        limit: Duration,
        progress: &mut Progress,
    ) -> Result<(), NotReady> {
        let mut waiting = services.to_vec();
        let mut poll = ready::poll();
        let end = tokio::time::Instant::now() + limit;
        while !waiting.is_empty() {
            for service in &waiting {
                if let Some(ended) = self.processes.get_mut(service).and_then(Process::ended) {
                    return Err(NotReady::Ended(ended));
                }
            }
            let places = waiting.iter().map(|service| ready::is_place_ready(&self.shop, *service));
            let ready = future::join_all(places).await;
            waiting = waiting.into_iter().zip(ready).filter(|(_, ready)| !ready).map(|(it, _)| it).collect();
            progress.show(&format!("waiting for {}", names(&waiting)));
            match waiting.first().filter(|_| tokio::time::Instant::now() >= end) {
                Some(service) => return Err(self.late(*service, limit)),
                None => poll.tick().await,
            };
        }
        progress.clear();
        Ok(())
    }

    /// Waits until any process ends.
    pub async fn next_end(&mut self) -> Ended {
        let ends = self.processes.values_mut().map(|process| Box::pin(process.wait()));
        let ends: Vec<_> = ends.collect();
        if ends.is_empty() {
            return future::pending().await;
        }
        let (ended, _, _) = future::select_all(ends).await;
        self.processes.remove(&ended.service);
        self.note_pid(ended.service, None);
        ended
    }

    /// Ends one process at once, as a crash would (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn kill(&mut self, service: Service) -> Result<ExitStatus> {
        let process = self.processes.get_mut(&service);
        let process = process.with_context(|| format!("{service} does not run"))?;
        process.signal(Signal::KILL);
        let ended = process.wait().await;
        self.processes.remove(&service);
        self.note_pid(service, None);
        Ok(ended.status)
    }

    /// Ends one process as an upgrade does (SIGTERM), and waits until it is gone; after `limit`, SIGKILL.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn end(&mut self, service: Service, limit: Duration) -> Result<ExitStatus> {
        let process = self.processes.get_mut(&service);
        let process = process.with_context(|| format!("{service} does not run"))?;
        process.signal(Signal::TERM);
        match tokio::time::timeout(limit, process.wait()).await {
            Ok(ended) => {
                self.processes.remove(&service);
                self.note_pid(service, None);
                Ok(ended.status)
            }
            Err(_) => self.kill(service).await,
        }
    }

    /// The services that ended though nobody ended them.
    pub fn fallen(&mut self) -> Vec<Ended> {
        self.processes.values_mut().filter_map(Process::ended).collect()
    }

    /// Ends all processes, in the phases of [`Service::CLOSING`]: SIGTERM, so that they finish what they have begun; after
    /// `limit` for each phase, SIGKILL. Answers who had to be killed.
    pub async fn stop(&mut self, limit: Duration) -> Vec<Service> {
        let mut killed = Vec::new();
        for phase in Service::CLOSING {
            let ending = self.processes.iter_mut().filter(|(service, _)| phase.contains(service));
            killed.extend(stop(ending.map(|(_, process)| process).collect(), limit).await);
        }
        self.processes.clear();
        killed
    }

    /// Ends at once what still runs (SIGKILL), and waits until it is gone.
    pub async fn kill_all(&mut self) -> Vec<Service> {
        kill(self.processes.values_mut()).await
    }

    fn late(&self, service: Service, limit: Duration) -> NotReady {
        let tail = self.processes.get(&service).map_or_else(Default::default, Process::log_tail);
        NotReady::Late { service, limit, tail }
    }

    fn note_pid(&mut self, service: Service, pid: Option<u32>) {
        if let Some(place) = self.shop.services.get_mut(&service) {
            place.pid = pid;
        }
    }
}

async fn stop(mut processes: Vec<&mut Process>, limit: Duration) -> Vec<Service> {
    for process in &processes {
        process.signal(Signal::TERM);
    }
    let all = future::join_all(processes.iter_mut().map(|process| process.wait()));
    match tokio::time::timeout(limit, all).await {
        Ok(_) => Vec::new(),
        Err(_) => kill(processes.into_iter()).await,
    }
}

async fn kill(processes: impl Iterator<Item = &mut Process>) -> Vec<Service> {
    let alive = processes.filter(|process| process.id().is_some());
    let kill = async |process: &mut Process| {
        process.signal(Signal::KILL);
        process.wait().await.service
    };
    future::join_all(alive.map(kill)).await
}

fn names(services: &[Service]) -> String {
    services.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ")
}
