//! `madang`, run on a shop as operators run it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::{Shop, tidy};

/// An audit of 100,000 orders takes its time.
const LIMIT: Duration = Duration::from_secs(300);

/// How a command ended, and what it told.
#[derive(Debug)]
pub struct Told {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// Its remarks and its error.
    pub stderr: String,
}

impl Told {
    /// What it printed, as JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {self:?}"))
    }
}

/// Runs a command on a shop.
///
/// # Errors
/// Where it is not built, or does not end.
pub async fn run(shop: &Shop, args: &[&str]) -> Result<Told> {
    let mut command = Command::new(Shop::madang()?);
    told(command.args(args).arg("--shop").arg(shop.shop_file()), args).await
}

/// Runs a command on a cluster, from the folder where the charts are.
///
/// # Errors
/// Like [`run`].
pub async fn on_cluster(args: &[&str]) -> Result<Told> {
    let mut command = Command::new(Shop::madang()?);
    told(command.args(args).current_dir(tidy::root()), args).await
}

/// Runs a command that is ready to run, and tells how it ended.
///
/// # Errors
/// Where it cannot be started, or does not end.
pub async fn told(command: &mut Command, args: &[&str]) -> Result<Told> {
    command.kill_on_drop(true);
    let output =
        timeout(LIMIT, command.output()).await.with_context(|| format!("{args:?} does not end"))??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Told { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}
