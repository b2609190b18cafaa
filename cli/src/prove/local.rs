//! Shops of this machine, to be harmed: each with data, ports and processes of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use madang_experiments::{Audit, Lab, Machine, Needs, Setup, World};
use madang_spans::Tree;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::{Instant, interval};

use crate::audit;
use crate::output::{Format, Output, Progress};
use crate::shop::{Folder, Ports, Service, Shop};
use crate::supervisor::{Plan, Supervisor, is_ready};
use crate::trace;
use crate::up::{self, READY};

const BETWEEN: Duration = Duration::from_millis(20);
/// For the last spans of an order, and for the shop to come to rest.
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens shops on this machine.
#[derive(Debug)]
pub(super) struct Here;

#[tonic::async_trait(?Send)]
impl Lab for Here {
    async fn open(&self, _: Needs, setup: &Setup) -> Result<Box<dyn World>> {
        let data = tempfile::Builder::new().prefix(super::left::PREFIX).tempdir();
        let data = data.context("cannot make a data folder")?;
        let folder = Folder::create(data.path())?;
        // Gone with this process, whatever ends it: then the folder is known as left.
        let lock = folder.lock()?;
        let settings = settings(setup)?;
        let plan = || {
            let plan = Plan::new(folder.clone(), Ports::free()?)?;
            Ok(plan.tracing(setup.traces).telling(settings.clone()))
        };
        let supervisor = up::open(plan, READY, &Output::new(Format::Table)).await?;
        let shop = supervisor.shop().clone();
        Ok(Box::new(Local { shop, folder, supervisor: Mutex::new(supervisor), _lock: lock, _data: data }))
    }
}

/// What services are told; one client stands for all customers, so the edge bounds none.
fn settings(setup: &Setup) -> Result<Vec<(Service, String, String)>> {
    let unbounded = ["MADANG_RATE_LIMIT", "MADANG_RATE_BURST"];
    let unbounded = unbounded.map(|name| Ok((Service::Gateway, name.to_owned(), "1000000".to_owned())));
    let told = setup.settings.iter();
    let told = told.map(|(service, name, value)| Ok((named(service)?, (*name).to_owned(), value.clone())));
    unbounded.into_iter().chain(told).collect()
}

pub(super) fn named(name: &str) -> Result<Service> {
    Service::ALL
        .into_iter()
        .find(|service| service.name() == name)
        .with_context(|| format!("there is no {name}"))
}

/// A shop, until it is closed or dropped.
#[derive(Debug)]
struct Local {
    /// Addresses, which stay; the ids of its processes do not.
    shop: Shop,
    folder: Folder,
    supervisor: Mutex<Supervisor>,
    _lock: File,
    _data: TempDir,
}

impl Local {
    /// The files of a service's database, and where copies of them are kept.
    fn files(&self, service: Service) -> Vec<(PathBuf, PathBuf)> {
        let database = self.folder.database(service);
        let beside = |end: &str| {
            let mut path = database.clone().into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        ["", "-wal", "-shm"].map(|end| (beside(end), beside(&format!("{end}.kept")))).to_vec()
    }
}

#[tonic::async_trait(?Send)]
impl World for Local {
    fn gateway(&self) -> String {
        self.shop.url(Service::Gateway).to_owned()
    }

    fn url(&self, service: &str) -> Result<String> {
        Ok(self.shop.url(named(service)?).to_owned())
    }

    async fn admin(&self, service: &str, path: &str) -> Result<String> {
        admin(&self.shop, service, path).await
    }

    async fn kill(&self, service: &str) -> Result<()> {
        self.supervisor.lock().await.kill(named(service)?).await?;
        Ok(())
    }

    async fn start(&self, service: &str) -> Result<()> {
        let service = named(service)?;
        self.supervisor.lock().await.start(service)?;
        let place = self.shop.services.get(&service).context("the shop lacks it")?;
        let (end, mut poll) = (Instant::now() + READY, interval(BETWEEN));
        while !is_ready(place).await {
            poll.tick().await;
            if Instant::now() >= end {
                bail!("{service} is not ready after {} s", READY.as_secs());
            }
        }
        Ok(())
    }

    async fn audit(&self) -> Result<Audit> {
        Ok(audited(&self.shop).await)
    }

    async fn traces(&self, order_id: &str) -> Result<Vec<Tree>> {
        trace::of_order(&self.shop, order_id, PATIENCE).await
    }

    fn machine(&self) -> Result<&dyn Machine> {
        Ok(self)
    }

    async fn close(&self) -> Vec<String> {
        let mut supervisor = self.supervisor.lock().await;
        let fallen = supervisor.fallen();
        supervisor.kill_all().await;
        fallen
            .iter()
            .map(|ended| format!("{} died though nobody killed it ({})", ended.service, ended.status))
            .collect()
    }
}

#[tonic::async_trait(?Send)]
impl Machine for Local {
    async fn stop(&self, service: &str) -> Result<()> {
        let service = named(service)?;
        let status = self.supervisor.lock().await.end(service, PATIENCE).await?;
        ensure!(status.success(), "{service} was told to end, and ended with {status}");
        Ok(())
    }

    async fn tell(&self, service: &str, name: &str, value: &str) -> Result<()> {
        self.supervisor.lock().await.tell((named(service)?, name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn keep(&self, service: &str) -> Result<()> {
        self.files(named(service)?).iter().try_for_each(|(data, kept)| copy(data, kept))
    }

    fn put_back(&self, service: &str) -> Result<()> {
        self.files(named(service)?).iter().try_for_each(|(data, kept)| copy(kept, data))
    }
}

/// A page of a service's admin port.
pub(super) async fn admin(shop: &Shop, service: &str, path: &str) -> Result<String> {
    let place = shop.services.get(&named(service)?).context("the shop lacks it")?;
    page(&format!("{}{path}", place.admin_url)).await
}

/// A page of a service.
pub(super) async fn page(url: &str) -> Result<String> {
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    Ok(client.get(url).send().await?.error_for_status()?.text().await?)
}

/// What the audit finds. A shop that does not come to rest is a violation too: its books cannot be read.
pub(super) async fn audited(shop: &Shop) -> Audit {
    match audit::settle(shop, PATIENCE, &mut Progress::hidden()).await {
        Err(error) => Audit { checked: 0, violations: vec![format!("{error:#}")] },
        Ok(report) => {
            let told =
                |(rule, it): (&str, &audit::Violation)| format!("{rule}: {}: {}", it.subject, it.detail);
            let checked = report.checks.iter().map(|check| check.checked).sum();
            Audit { checked, violations: report.violations().map(told).collect() }
        }
    }
}

/// Puts one file in place of another; where there is none, there shall be none.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = match from.exists() {
        true => std::fs::copy(from, to).map(|_| ()),
        false if to.exists() => std::fs::remove_file(to),
        false => Ok(()),
    };
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
