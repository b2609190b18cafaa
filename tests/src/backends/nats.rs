use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::told;
use crate::wait;

const READY: Duration = Duration::from_secs(30);

/// A nats-server with JetStream on disk. It ends with this value, and its streams go.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    port: u16,
    process: Option<Child>,
    folder: TempDir,
}

impl Nats {
    /// One that is down, on a port that stays its own.
    ///
    /// # Errors
    /// Where there is no nats-server.
    pub fn new(port: u16) -> Result<Self> {
        let folder = TempDir::with_prefix("madang-tests-nats-")?;
        Ok(Self { program: told("nats")?, port, process: None, folder })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Whether it was started and not killed since.
    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Starts it on what it had on its disk, and waits until it takes connections.
    ///
    /// # Errors
    /// Where it does not come up.
    pub async fn start(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut command = Command::new(&self.program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &port, "-sd"]).arg(self.folder.path().join("store"));
        command.arg("-l").arg(self.folder.path().join("log"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = self.process.insert(child.context("nats-server cannot be started")?);
        wait::until("nats-server to be up", READY, async || {
            if let Some(status) = child.try_wait()? {
                bail!("nats-server ended at its start ({status}): its port may be in use");
            }
            Ok(TcpStream::connect(("127.0.0.1", self.port)).await.ok().map(drop))
        })
        .await
    }

    /// SIGKILL, and waits until it is gone. What it had not synced may be lost; the feed has it.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn kill_nine(&mut self) -> Result<()> {
        let mut process = self.process.take().context("nats-server does not run")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It may be down.
        let _ended = self.kill_nine().is_ok();
    }
}
