//! A restate-server with data of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

const READY: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(20);
const SETTINGS: [(&str, &str); 4] = [
    // As it ships, and said so that it stays: what is acknowledged survives a loss of power.
    ("RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC", "false"),
    ("RESTATE_DISABLE_TELEMETRY", "true"),
    ("RESTATE_LISTEN_MODE", "tcp"),
    ("RESTATE_LOG_FILTER", "warn"),
];

/// It runs until this is dropped, and its data are removed then.
#[derive(Debug)]
pub(crate) struct Server {
    ingress: String,
    admin: String,
    http: reqwest::Client,
    child: Child,
    data: TempDir,
}

impl Server {
    /// Starts one, with so many partitions.
    pub(crate) async fn start(program: &Path, partitions: Option<u16>) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let [ingress, admin, fabric] = free().await?;
        let log = File::create(data.path().join("log"))?;
        let mut command = Command::new(program);
        command.arg("--no-logo").arg("--base-dir").arg(data.path().join("data")).envs(SETTINGS);
        command.env("RESTATE_INGRESS__BIND_ADDRESS", ingress.to_string());
        command.env("RESTATE_ADMIN__BIND_ADDRESS", admin.to_string());
        command.env("RESTATE_BIND_ADDRESS", fabric.to_string());
        command.envs(partitions.map(|count| ("RESTATE_DEFAULT_NUM_PARTITIONS", count.to_string())));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        // One connection, which stays open, for all calls.
        let http = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build()?;
        Ok(Self { ingress: format!("http://{ingress}"), admin: format!("http://{admin}"), http, child, data })
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Tells it of the services that are served there, as soon as it is ready.
    pub(crate) async fn register(&self, services: SocketAddr) -> Result<()> {
        let (url, end) = (format!("{}/deployments", self.admin), Instant::now() + READY);
        let body = json!({ "uri": format!("http://{services}/") });
        loop {
            let asked = self.http.post(&url).json(&body).send().await;
            let told = match asked.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() > end {
                let log = std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
                return Err(told).context(log).context("the services cannot be registered");
            }
            sleep(BETWEEN).await;
        }
    }

    /// Has an object place an order, and waits for the outcome.
    pub(crate) async fn place<T: Serialize + DeserializeOwned>(
        &self,
        service: &str,
        key: &str,
        order: &T,
    ) -> Result<T> {
        let url = format!("{}/{service}/{key}/place", self.ingress);
        let response = self.http.post(url).json(order).send().await?;
        let status = response.status();
        ensure!(status.is_success(), "{status}: {}", response.text().await?);
        Ok(response.json().await?)
    }

    /// Rows of its store.
    pub(crate) async fn query(&self, sql: &str) -> Result<Vec<Value>> {
        let asked = self.http.post(format!("{}/query", self.admin)).json(&json!({ "query": sql }));
        let response = asked.header("accept", "application/json").send().await?;
        let status = response.status();
        ensure!(status.is_success(), "{sql}: {status}: {}", response.text().await?);
        let mut told: Value = response.json().await?;
        let Value::Array(rows) = told["rows"].take() else { bail!("{sql}: {told}") };
        Ok(rows)
    }

    /// Ends it, and removes its data.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(self.data.close()?)
    }
}

/// Ports that nobody has now.
async fn free() -> Result<[SocketAddr; 3]> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (a, b, c) = tokio::try_join!(bind(), bind(), bind())?;
    Ok([a.local_addr()?, b.local_addr()?, c.local_addr()?])
}
