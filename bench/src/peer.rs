//! Another system with the shop's saga on it: a program of `bench/peers`, which is a workspace of its own.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::process::first_line;

/// How long it may take to start, and to count what it has and end.
const PATIENCE: Duration = Duration::from_secs(60);

/// It runs until this is dropped: it ends when its input does, with all that it has started.
#[derive(Debug)]
pub(crate) struct Peer {
    about: About,
    child: Child,
}

/// What it says of itself.
#[derive(Debug, Deserialize)]
struct About {
    /// Where it takes orders, as the shop's gateway does.
    url: String,
    /// All of its processes.
    pids: Vec<i32>,
}

impl Peer {
    /// Starts the `madang-peers` beside this program.
    pub(crate) async fn open(args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("madang-peers");
        let mut command = Command::new(&program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = command.spawn();
        let mut child =
            started.with_context(|| format!("{}: make bench-peers builds it", program.display()))?;
        let line = first_line(&mut child, PATIENCE).await?;
        let about = serde_json::from_str(&line).context("madang-peers has ended")?;
        Ok(Self { about, child })
    }

    /// Where it takes orders.
    pub(crate) fn url(&self) -> &str {
        &self.about.url
    }

    /// The ids of its processes.
    pub(crate) fn pids(&self) -> &[i32] {
        &self.about.pids
    }

    /// Ends it; an error where it has not exactly the orders that it answered.
    pub(crate) async fn close(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = timeout(PATIENCE, self.child.wait()).await??;
        ensure!(status.success(), "madang-peers ended with {status}");
        Ok(())
    }
}
