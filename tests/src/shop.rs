//! The whole shop as processes of this machine, each on free ports, with data in a temporary folder or on PostgreSQL.

mod data;
mod death;
mod elsewhere;
mod home;
mod places;
mod ports;
mod process;
mod replica;
mod service;
mod told;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::backends::Backends;
use crate::{wait, web};

pub use replica::Replica;
pub use service::Service;

use home::Home;
use process::Process;

/// How long a shop may take until it is ready; debug builds on a busy machine are slow.
const READY: Duration = Duration::from_secs(60);
/// Other programs may take a port between its choice and its use.
const TRIES: usize = 3;
const LOG_LINES: usize = 12;

/// Settings that differ from those of `madang up`: service, variable, value.
pub type Settings<'a> = [(Service, &'a str, &'a str)];

/// A running shop. All its processes end with it; where a test panicked, it tells the last lines of their logs.
#[derive(Debug)]
pub struct Shop {
    ports: BTreeMap<Replica, (u16, u16)>,
    /// Where customers come in, where that is not the gateway itself.
    edge: Option<String>,
    settings: Vec<(Service, String, String)>,
    /// Programs that services run under, with their arguments.
    under: BTreeMap<Service, Vec<String>>,
    processes: BTreeMap<Replica, Process>,
    // Last, so that it goes after those who use it.
    home: Home,
}

impl Shop {
    /// Opens a shop on the backends of this run, and waits until all of it is ready.
    ///
    /// # Errors
    /// Where a binary is not built, or a service does not become ready.
    pub async fn open() -> Result<Self> {
        Self::open_with(&[]).await
    }

    /// The same with other settings.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub async fn open_with(settings: &Settings<'_>) -> Result<Self> {
        Self::open_on(Backends::of_this_run()?, settings).await
    }

    /// The same, and the console receives the traces of all others, as `madang up` has it.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub async fn open_traced() -> Result<Self> {
        let address = format!("127.0.0.1:{}", ports::free()?);
        let endpoint = format!("http://{address}");
        let settings = Service::ALL.map(|service| match service == Service::Console {
            true => (service, "MADANG_OTLP_LISTEN", address.as_str()),
            false => (service, "MADANG_OTLP_ENDPOINT", endpoint.as_str()),
        });
        Self::open_with(&settings).await
    }

    /// The same on other backends.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub async fn open_on(backends: Backends, settings: &Settings<'_>) -> Result<Self> {
        let mut tries = 1;
        loop {
            let mut shop = Self::new_on(backends, settings)?;
            match shop.start_all(&Service::ALL).await {
                Ok(()) => return Ok(shop),
                Err(error) if tries < TRIES && format!("{error:#}").contains("in use") => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A shop in which nothing runs yet.
    ///
    /// # Errors
    /// Where there are no ports, no folder or no databases.
    pub fn new(settings: &Settings<'_>) -> Result<Self> {
        Self::new_on(Backends::of_this_run()?, settings)
    }

    /// The same on other backends.
    ///
    /// # Errors
    /// Like [`Self::new`].
    pub fn new_on(backends: Backends, settings: &Settings<'_>) -> Result<Self> {
        let ports = |replica| Ok((replica, (ports::free()?, ports::free()?)));
        let own = |(service, name, value): &(Service, &str, &str)| {
            (*service, (*name).to_owned(), (*value).to_owned())
        };
        let shop = Self {
            ports: Replica::all().map(ports).collect::<Result<_>>()?,
            edge: None,
            settings: settings.iter().map(own).collect(),
            under: BTreeMap::new(),
            processes: BTreeMap::new(),
            home: Home::new(backends)?,
        };
        shop.write_shop_file()?;
        Ok(shop)
    }

    /// Starts these services and waits until they are ready.
    ///
    /// # Errors
    /// Where one does not become ready.
    pub async fn start_all(&mut self, services: &[impl Into<Replica> + Copy]) -> Result<()> {
        self.home.open().await?;
        let replicas: Vec<Replica> = services.iter().map(|service| (*service).into()).collect();
        for replica in &replicas {
            let binary = process::binary(&format!("madang-{}", replica.service))?;
            let under = self.under.get(&replica.service).map_or(&[][..], Vec::as_slice);
            let process = Process::start((&binary, under), &self.told(*replica), &self.log(*replica))?;
            self.processes.insert(*replica, process);
        }
        for replica in replicas {
            self.wait_ready(replica).await?;
        }
        Ok(())
    }

    /// Starts a service, again on the same ports and data, and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready.
    pub async fn start(&mut self, service: impl Into<Replica>) -> Result<()> {
        self.start_all(&[service.into()]).await
    }

    /// Kills a service (SIGKILL) and waits until its process is gone.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn kill_nine(&mut self, service: impl Into<Replica>) -> Result<()> {
        let replica = service.into();
        let mut process =
            self.processes.remove(&replica).with_context(|| format!("{replica} does not run"))?;
        let status = process.kill()?;
        match status.code() {
            None => Ok(()),
            Some(code) => bail!("{replica} had ended by itself, with {code}; {}", self.log_tail(replica)),
        }
    }

    /// Tells a service to end (SIGTERM), and waits until it has, by itself and well.
    ///
    /// # Errors
    /// Where it does not run, does not end, or ends with an error.
    pub async fn stop(&mut self, service: impl Into<Replica>) -> Result<()> {
        let replica = service.into();
        self.signal(replica, Signal::TERM)?;
        let process = self.processes.get_mut(&replica).with_context(|| format!("{replica} does not run"))?;
        let ended = wait::until(&format!("{replica} to end"), READY, async || Ok(process.ended())).await;
        self.processes.remove(&replica);
        let status = ended?;
        ensure!(status.success(), "{replica} ended with {status}; {}", self.log_tail(replica));
        Ok(())
    }

    /// Sends a signal to a service.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn signal(&self, service: impl Into<Replica>, signal: Signal) -> Result<()> {
        let replica = service.into();
        let process = self.processes.get(&replica).with_context(|| format!("{replica} does not run"))?;
        process.signal(signal)
    }

    /// Has a service run under another program, such as strace, from its next start on.
    pub fn run_under(&mut self, service: Service, program: &[&str]) {
        self.under.insert(service, program.iter().map(|part| (*part).to_owned()).collect());
    }

    /// How each process that has ended by itself did so; there should be none.
    pub fn ended(&mut self) -> Vec<String> {
        let ended = |(replica, process): (&Replica, &mut Process)| {
            process.ended().map(|status| format!("{replica} ended with {status}"))
        };
        self.processes.iter_mut().filter_map(ended).collect()
    }

    /// Changes a setting of a service from its next start on; none is the usual one.
    pub fn set(&mut self, service: Service, name: &str, value: Option<&str>) {
        self.settings.retain(|(of, set, _)| (*of, set.as_str()) != (service, name));
        self.settings.extend(value.map(|value| (service, name.to_owned(), value.to_owned())));
    }

    async fn wait_ready(&mut self, service: Replica) -> Result<()> {
        let url = format!("{}/readyz", self.admin_url(service));
        let what = format!("{service} to be ready");
        let processes = &mut self.processes;
        let ready = wait::until(&what, READY, async || {
            if let Some(status) = processes.get_mut(&service).and_then(Process::ended) {
                bail!("{service} ended at its start ({status})");
            }
            Ok(web::get(&url).await.ok().filter(|answer| answer.status.is_success()))
        });
        match ready.await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.context(self.log_tail(service))),
        }
    }

    fn log(&self, replica: Replica) -> PathBuf {
        self.home.folder().join(format!("{replica}.log"))
    }

    fn log_tail(&self, replica: Replica) -> String {
        let text = std::fs::read_to_string(self.log(replica)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
        format!("the last lines of {replica}:\n{}", tail.copied().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // All at once, then each is waited for by its own drop.
        let pids: Vec<u32> = self.processes.values().map(Process::id).collect();
        if std::thread::panicking() {
            let mut stderr = std::io::stderr().lock();
            for replica in Replica::all().filter(|replica| self.log(*replica).exists()) {
                let _written = writeln!(stderr, "--- {}", self.log_tail(replica)).is_ok();
            }
            let _written = writeln!(stderr, "--- processes {pids:?} are killed").is_ok();
        }
        self.processes.clear();
    }
}
