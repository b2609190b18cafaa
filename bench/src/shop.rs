//! A shop of `madang up` with data of its own, and what its processes used.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::inventory::v1::RestockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::process::signal;

/// The product that is ordered.
pub(crate) const PRODUCT: &str = "homi-hand-hoe";
const PIECES: i64 = 1_000_000;
/// How often so many come in: enough for every order of a run.
const DELIVERIES: u128 = 4;
const READY: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(2);

/// A shop that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    services: Value,
    process: Child,
    data: TempDir,
}

impl Shop {
    /// Opens a shop of the `madang` beside this program, and has it filled with what will be ordered.
    pub(crate) async fn open(settings: &[(&str, &str)], args: &[&str]) -> Result<Self> {
        let shop = Self::start(settings, args).await?;
        shop.restock().await?;
        Ok(shop)
    }

    /// Opens one as it is on its first day.
    pub(crate) async fn start(settings: &[(&str, &str)], args: &[&str]) -> Result<Self> {
        Self::on(tempfile::tempdir()?, settings, args).await
    }

    /// Opens one on data that are there.
    pub(crate) async fn on(data: TempDir, settings: &[(&str, &str)], args: &[&str]) -> Result<Self> {
        // Another one's file would tell of processes that are gone.
        drop(std::fs::remove_file(data.path().join("shop.json")));
        let madang = std::env::current_exe()?.with_file_name("madang");
        let mut command = Command::new(&madang);
        command.args(["up", "--ports", "free", "--data"]).arg(data.path()).args(args);
        // One client is all.
        command.env("MADANG_RATE_LIMIT", "1000000").env("MADANG_RATE_BURST", "1000000");
        command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("{} does not start", madang.display()))?;
        let services = found(data.path().join("shop.json")).await?;
        Ok(Self { services, process, data })
    }

    async fn restock(&self) -> Result<()> {
        for number in 1..=DELIVERIES {
            let request_id = Uuid::from_u128(number).to_string();
            let product_id = PRODUCT.to_owned();
            self.deliver(RestockRequest { request_id, product_id, quantity: PIECES }).await?;
        }
        Ok(())
    }

    async fn deliver(&self, restock: RestockRequest) -> Result<()> {
        let end = Instant::now() + READY;
        loop {
            let url = self.text("inventory", "url");
            let asked =
                async { Ok(InventoryServiceClient::connect(url).await?.restock(restock.clone()).await?) };
            match asked.await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err::<_, anyhow::Error>(_) => sleep(BETWEEN).await,
            }
        }
    }

    pub(crate) fn text(&self, service: &str, key: &str) -> String {
        self.services["services"][service][key].as_str().unwrap_or_default().to_owned()
    }

    /// The process of a service.
    pub(crate) fn pid(&self, service: &str) -> Result<i32> {
        let pid = self.services["services"][service]["pid"].as_i64();
        Ok(i32::try_from(pid.with_context(|| format!("{service} does not run"))?)?)
    }

    /// All services with their processes.
    pub(crate) fn pids(&self) -> Result<Vec<(String, i32)>> {
        let services = self.services["services"].as_object().context("no services")?;
        services.keys().map(|name| Ok((name.clone(), self.pid(name)?))).collect()
    }

    /// Where its databases are, each named as its service.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Has `madang audit` look through it; an error where something is wrong.
    pub(crate) async fn audit(&self) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?.with_file_name("madang"));
        command.args(["audit", "--shop"]).arg(self.data.path().join("shop.json"));
        let output = command.output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "the audit found something wrong:\n{text}");
        Ok(())
    }

    /// The sum of a counter over all services.
    pub(crate) async fn count(&self, name: &str) -> Result<f64> {
        let mut sum = 0.0;
        for service in self.services["services"].as_object().context("no services")?.values() {
            let url = service["admin_url"].as_str().unwrap_or_default();
            let text = reqwest::get(format!("{url}/metrics")).await?.text().await?;
            let lines = text.lines().filter(|line| line.starts_with(name));
            sum += lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>();
        }
        Ok(sum)
    }

    /// Ends it as a machine ends that loses its power, but for the disk; its data stay.
    pub(crate) async fn kill(mut self) -> Result<TempDir> {
        let services = self.pids()?;
        self.process.kill().await?;
        for (_, pid) in services {
            // Those end with it by themselves; one that did so already is no error.
            drop(signal(pid, Signal::KILL));
        }
        Ok(self.data)
    }

    /// Ends it.
    pub(crate) async fn close(mut self) -> Result<()> {
        let pid = self.process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(pid.context("the shop has ended by itself")?, Signal::INT)?;
        let status = timeout(READY, self.process.wait()).await??;
        ensure!(status.success(), "madang up ended with {status}");
        Ok(())
    }
}

/// The shop's file, once it is there and all its services run.
async fn found(file: PathBuf) -> Result<Value> {
    let end = Instant::now() + READY;
    loop {
        let found = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let run = |shop: &Value| {
            let services = shop["services"].as_object();
            services.is_some_and(|services| services.values().all(|service| service["pid"].is_u64()))
        };
        if let Some(shop) = found.filter(run) {
            return Ok(shop);
        }
        ensure!(Instant::now() < end, "the shop does not open");
        sleep(BETWEEN).await;
    }
}
