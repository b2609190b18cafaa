//! The books: `madang audit`, and how far events have come.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::Shop;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs `madang audit` and demands that it found nothing: no violation, no event under way, no dead letter.
///
/// # Errors
/// What it found.
pub async fn clean(shop: &Shop) -> Result<Value> {
    let mut command = Command::new(Shop::madang()?);
    command.args(["audit", "--output", "json", "--shop"]).arg(shop.shop_file()).kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.context("the audit does not end")??;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value =
        serde_json::from_str(&stdout).with_context(|| format!("no report: {stdout}{stderr}"))?;
    ensure!(
        output.status.success() && report["clean"] == true,
        "the books are not in order: {report:#}\n{stderr}"
    );
    let lags = report["lag"].as_array().context("the report tells no lag")?;
    ensure!(!lags.is_empty(), "the report tells no lag: {report:#}");
    let behind = |lag: &&Value| lag["events"] != 0 || lag["dead_letters"] != 0;
    ensure!(!lags.iter().any(|lag| behind(&lag)), "events are left: {lags:#?}");
    Ok(report)
}
