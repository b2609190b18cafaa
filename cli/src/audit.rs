//! `madang audit`: no money and no piece was lost, across all services.
//!
//! ```text
//! settle: wait for event lag 0 ──> gather: facts of all services ──> rules: facts in, report out ──> show
//! ```
//!
//! Services cannot be read at one moment. So facts are gathered when no event is under way, and a violation counts only if two
//! readings in a row find it.

mod facts;
mod gather;
pub mod lag;
mod report;
mod rules;
mod settle;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, value_parser};

use crate::args::MAX_SECONDS;
use crate::output::Output;
use crate::shop::FindArgs;

pub use facts::Facts;
pub(crate) use facts::is_final;
pub use gather::orders;
pub use report::{Check, Report, Violation};
pub use rules::judge;
pub use settle::settle;

/// How long the audit waits until no event is under way.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What `madang audit` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang audit
  madang audit --output json | jq .violations
  madang audit --shop /tmp/shop/shop.json

It waits until no event is under way, at most a minute, then checks every order, payment, product, shipment and notification.
Exit codes: 0 all is in order, 1 a violation was found, 69 a service cannot be reached.")]
pub struct AuditArgs {
    /// How long to wait until no event is under way
    #[arg(long, value_name = "SECONDS", default_value_t = LIMIT.as_secs(), value_parser = value_parser!(u64).range(..=MAX_SECONDS))]
    wait: u64,

    #[command(flatten)]
    find: FindArgs,
}

/// Audits the shop.
///
/// # Errors
/// Where a service cannot be read, or the shop does not come to rest.
pub async fn run(args: AuditArgs, output: &Output) -> Result<ExitCode> {
    let shop = args.find.find()?;
    let mut progress = output.progress();
    let report = settle(&shop, Duration::from_secs(args.wait), &mut progress).await?;
    drop(progress);
    match output.is_json() {
        true => output.json(&report.value())?,
        false => output.text(&report.text())?,
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
