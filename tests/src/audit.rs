//! The books: `madang audit`, and how far events have come.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::wait::PATIENCE;
use crate::{Shop, madang};

/// Runs `madang audit` and demands that it found nothing: no violation, no event under way, no dead letter.
///
/// # Errors
/// What it found.
pub async fn clean(shop: &Shop) -> Result<Value> {
    clean_within(PATIENCE, shop).await
}

/// The same where the shop must be at rest so soon.
///
/// # Errors
/// Like [`clean`].
pub async fn clean_within(patience: Duration, shop: &Shop) -> Result<Value> {
    let wait = patience.as_secs().to_string();
    let told = madang::run(shop, &["audit", "--output", "json", "--wait", &wait]).await?;
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
