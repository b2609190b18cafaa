//! A shop of `madang up` with data of its own, and what its processes used.

use std::path::PathBuf;
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

/// The product that is ordered.
pub(crate) const PRODUCT: &str = "homi-hand-hoe";
const PIECES: i64 = 1_000_000;
const READY: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(20);

/// A shop that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    services: Value,
    process: Child,
    _data: TempDir,
}

impl Shop {
    /// Opens a shop of the `madang` beside this program.
    pub(crate) async fn open(settings: &[(&str, &str)], args: &[&str]) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let madang = std::env::current_exe()?.with_file_name("madang");
        let mut command = Command::new(&madang);
        command.args(["up", "--ports", "free", "--data"]).arg(data.path()).args(args);
        // One client is all.
        command.env("MADANG_RATE_LIMIT", "1000000").env("MADANG_RATE_BURST", "1000000");
        command.envs(settings.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("{} does not start", madang.display()))?;
        let services = found(data.path().join("shop.json")).await?;
        let shop = Self { services, process, _data: data };
        shop.restock().await?;
        Ok(shop)
    }

    async fn restock(&self) -> Result<()> {
        let restock = RestockRequest {
            request_id: Uuid::from_u128(1).to_string(),
            product_id: PRODUCT.to_owned(),
            quantity: PIECES,
        };
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

    /// Seconds of CPU that all services have used, of user and system.
    pub(crate) async fn cpu(&self) -> Result<f64> {
        self.count("madang_process_cpu_seconds_total").await
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
