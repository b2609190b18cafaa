//! The whole shop as processes of this machine, each on free ports, with data in a temporary folder.

mod ports;
mod process;
mod service;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::{wait, web};

pub use service::Service;

use process::Process;

/// How long a shop may take until it is ready; debug builds on a busy machine are slow.
const READY: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(3);
/// Other programs may take a port between its choice and its use.
const TRIES: usize = 3;
const LOG_LINES: usize = 12;

/// Settings that differ from those of `madang up`: service, variable, value.
pub type Settings<'a> = [(Service, &'a str, &'a str)];

/// A running shop. All its processes end with it; where a test panicked, it tells the last lines of their logs.
#[derive(Debug)]
pub struct Shop {
    ports: BTreeMap<Service, (u16, u16)>,
    settings: Vec<(Service, String, String)>,
    processes: BTreeMap<Service, Process>,
    // Last, so that the folder goes after those who write in it.
    data: TempDir,
}

impl Shop {
    /// Opens a shop, and waits until all of it is ready.
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
        let mut tries = 1;
        loop {
            let mut shop = Self::new(settings)?;
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
    /// Where there are no ports or there is no folder.
    pub fn new(settings: &Settings<'_>) -> Result<Self> {
        let ports = |service| Ok((service, (ports::free()?, ports::free()?)));
        let own = |(service, name, value): &(Service, &str, &str)| {
            (*service, (*name).to_owned(), (*value).to_owned())
        };
        let shop = Self {
            ports: Service::ALL.into_iter().map(ports).collect::<Result<_>>()?,
            settings: settings.iter().map(own).collect(),
            processes: BTreeMap::new(),
            data: TempDir::with_prefix("madang-tests-")?,
        };
        shop.write_shop_file()?;
        Ok(shop)
    }

    /// Starts these services and waits until they are ready.
    ///
    /// # Errors
    /// Where one does not become ready.
    pub async fn start_all(&mut self, services: &[Service]) -> Result<()> {
        for service in services {
            let binary = process::binary(&format!("madang-{service}"))?;
            let process = Process::start(&binary, &self.told(*service), &self.log(*service))?;
            self.processes.insert(*service, process);
        }
        for service in services {
            self.wait_ready(*service).await?;
        }
        Ok(())
    }

    /// Starts a service, again on the same ports and data, and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready.
    pub async fn start(&mut self, service: Service) -> Result<()> {
        self.start_all(&[service]).await
    }

    /// Kills a service (SIGKILL) and waits until its process is gone.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn kill_nine(&mut self, service: Service) -> Result<()> {
        let mut process =
            self.processes.remove(&service).with_context(|| format!("{service} does not run"))?;
        let status = process.kill()?;
        match status.code() {
            None => Ok(()),
            Some(code) => bail!("{service} had ended by itself, with {code}; {}", self.log_tail(service)),
        }
    }

    /// Changes a setting of a service from its next start on; none is the usual one.
    pub fn set(&mut self, service: Service, name: &str, value: Option<&str>) {
        self.settings.retain(|(of, set, _)| (*of, set.as_str()) != (service, name));
        self.settings.extend(value.map(|value| (service, name.to_owned(), value.to_owned())));
    }

    /// Where a service serves.
    pub fn url(&self, service: Service) -> String {
        url(self.port(service))
    }

    /// The port where a service serves.
    pub fn port(&self, service: Service) -> u16 {
        self.ports[&service].0
    }

    /// The port where a service has /readyz, /metrics and /info.
    pub fn admin_port(&self, service: Service) -> u16 {
        self.ports[&service].1
    }

    /// Where a service has /readyz, /metrics and /info.
    pub fn admin_url(&self, service: Service) -> String {
        url(self.admin_port(service))
    }

    /// A channel to a service, which connects at the first call, and again after the service was dead.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn channel(&self, service: Service) -> Channel {
        let endpoint = Endpoint::from_shared(self.url(service)).expect("a URL of this machine is one");
        endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect_lazy()
    }

    /// The file by which `madang` finds this shop.
    pub fn shop_file(&self) -> PathBuf {
        self.data.path().join("shop.json")
    }

    /// The path of `madang`.
    ///
    /// # Errors
    /// Where it is not built.
    pub fn madang() -> Result<PathBuf> {
        process::binary("madang")
    }

    async fn wait_ready(&mut self, service: Service) -> Result<()> {
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

    /// All that a service is told.
    fn told(&self, service: Service) -> Vec<(String, String)> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let address = |port: u16| format!("127.0.0.1:{port}");
        let admins = Service::ALL.map(|other| format!("{other}={}", self.admin_url(other)));
        let mut told = vec![
            pair("MADANG_LISTEN", address(self.port(service))),
            pair("MADANG_ADMIN_LISTEN", address(self.admin_port(service))),
            pair("MADANG_ADMIN_URLS", admins.join(",")),
            pair("MADANG_LOG_FORMAT", "json".to_owned()),
            // Migrations would fill the tails that a failed test shows.
            pair("MADANG_LOG_LEVEL", "info,refinery_core=warn".to_owned()),
        ];
        let owners = Service::ALL.into_iter().filter(|other| other.owns_data());
        told.extend(
            owners.map(|other| (format!("MADANG_{}_URL", other.name().to_uppercase()), self.url(other))),
        );
        if service.owns_data() {
            let path = self.data.path().join(format!("{service}.db"));
            told.push(pair("MADANG_DATABASE", format!("sqlite:{}", path.display())));
        }
        let own = self.settings.iter().filter(|(of, _, _)| *of == service);
        // A later one counts.
        told.extend(own.map(|(_, name, value)| (name.clone(), value.clone())));
        told
    }

    fn write_shop_file(&self) -> Result<()> {
        let place = |service: Service| {
            let place =
                json!({ "url": self.url(service), "admin_url": self.admin_url(service), "pid": null });
            (service.name().to_owned(), place)
        };
        let services: serde_json::Map<_, _> = Service::ALL.into_iter().map(place).collect();
        Ok(std::fs::write(self.shop_file(), json!({ "services": services }).to_string())?)
    }

    fn log(&self, service: Service) -> PathBuf {
        self.data.path().join(format!("{service}.log"))
    }

    fn log_tail(&self, service: Service) -> String {
        let text = std::fs::read_to_string(self.log(service)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
        format!("the last lines of {service}:\n{}", tail.copied().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // All at once, then each is waited for by its own drop.
        let pids: Vec<u32> = self.processes.values().map(Process::id).collect();
        if std::thread::panicking() {
            let mut stderr = std::io::stderr().lock();
            for service in Service::ALL {
                let _written = writeln!(stderr, "--- {}", self.log_tail(service)).is_ok();
            }
            let _written = writeln!(stderr, "--- processes {pids:?} are killed").is_ok();
        }
        self.processes.clear();
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
