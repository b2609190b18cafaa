//! `madang demo`: a shop of its own, orders that succeed, fail, repeat and survive a kill, and then the audit.

mod stage;
mod story;
mod teller;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::audit::{self, Report};
use crate::output::Output;
use crate::shop::{Folder, Ports};
use crate::supervisor::{Plan, Supervisor};
use crate::up::{self, GRACE, READY, Stop};

pub use verdict::{Row, Verdict};

use stage::Stage;
use teller::Teller;

/// What `madang demo` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang demo
  madang demo --keep              Keep databases and logs to look at
  madang demo --output json | jq .passed

It takes free ports and a temporary folder, so it disturbs no other shop.
If something comes out otherwise, the exit code is 1; the folder is kept and named.")]
pub struct DemoArgs {
    /// Keep the data folder
    #[arg(long)]
    keep: bool,

    /// Have no traces sent to the console
    #[arg(long)]
    no_traces: bool,
}

/// Runs the demo.
///
/// # Errors
/// Where the shop does not start, or the demo is interrupted.
pub async fn run(args: DemoArgs, output: &Output) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    let data =
        tempfile::Builder::new().prefix("madang-demo-").tempdir().context("cannot make a data folder")?;
    let shown = tokio::select! {
        shown = show(data.path(), !args.no_traces, output) => Some(shown),
        () = stop.heard() => None,
    };
    let passed = matches!(&shown, Some(Ok(verdict)) if verdict.has_passed());
    let failed = shown.is_some() && !passed;
    let kept = (args.keep || failed).then(|| keep(data, output));
    let shown = shown.unwrap_or_else(|| Err(anyhow!("interrupted")));
    let verdict = shown?;
    match output.is_json() {
        true => output.json(&verdict.value(kept.as_deref()))?,
        false => output.text(&verdict.text())?,
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the shop, plays the story, audits, and closes the shop again.
async fn show(data: &Path, traces: bool, output: &Output) -> Result<Verdict> {
    let start = Instant::now();
    let folder = Folder::create(data)?;
    let plan = || Ok(Plan::new(folder.clone(), Ports::free()?)?.tracing(traces));
    let mut supervisor = up::open(plan, READY, output).await?;
    let opened = start.elapsed();
    let played = play(&mut supervisor, output).await;
    let fallen =
        supervisor.fallen().iter().map(|ended| format!("{} ({})", ended.service, ended.status)).collect();
    let mut progress = output.progress();
    progress.show("closing the shop");
    supervisor.stop(GRACE).await;
    drop(progress);
    let (rows, audit) = played?;
    Ok(Verdict { rows, audit, fallen, opened, took: start.elapsed() })
}

async fn play(supervisor: &mut Supervisor, output: &Output) -> Result<(Vec<Row>, Result<Report, String>)> {
    let stage = Stage::open(supervisor.shop()).await?;
    let mut teller = Teller::new(output)?;
    story::play(&stage, supervisor, &mut teller).await?;
    let mut progress = output.progress();
    let report = audit::settle(supervisor.shop(), audit::LIMIT, &mut progress).await;
    Ok((teller.rows(), report.map_err(|error| format!("{error:#}"))))
}

/// Keeps the data, says where, and answers it.
fn keep(data: TempDir, output: &Output) -> PathBuf {
    let path = data.keep();
    output.note(&format!("databases and logs are kept in {}", path.display()));
    path
}
