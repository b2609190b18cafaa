//! The books: `madang audit`, and how far events have come.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Shop, madang};

/// Runs `madang audit` and demands that it found nothing: no violation, no event under way, no dead letter.
///
/// # Errors
/// What it found.
pub async fn clean(shop: &Shop) -> Result<Value> {
    let told = madang::run(shop, &["audit", "--output", "json"]).await?;
    let report = told.json()?;
    ensure!(
        told.code == Some(0) && report["clean"] == true,
        "the books are not in order: {report:#}\n{}",
        told.stderr
    );
    let lags = report["lag"].as_array().context("the report tells no lag")?;
    ensure!(!lags.is_empty(), "the report tells no lag: {report:#}");
    let behind = |lag: &&Value| lag["events"] != 0 || lag["dead_letters"] != 0;
    ensure!(!lags.iter().any(|lag| behind(&lag)), "events are left: {lags:#?}");
    Ok(report)
}
