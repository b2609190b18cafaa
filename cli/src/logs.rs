//! `madang logs`: what all services wrote about one order, in the order of time.
//!
//! ```text
//! log files of `madang up`, or of pods ──> Source: a name and its lines ──> Order: which are about it ──> sorted, told
//! ```

mod cluster;
mod files;
mod line;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use crate::args::MAX_SECONDS;
use crate::output::Output;
use crate::place::PlaceArgs;

use line::{About, Line};

/// Lines of one order at most; the first ones are told.
const LINES: usize = 100_000;

/// What `madang logs` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang logs 0198c0de-0000-7000-8000-000000000001
  madang logs 0198c0de-0000-7000-8000-000000000001 --output json | jq -r .message
  madang logs 0198c0de-0000-7000-8000-000000000001 --data /tmp/shop        Of a shop that is closed
  madang logs 0198c0de-0000-7000-8000-000000000001 --context kind-madang --since 600

A line is about an order when its field madang.order.id says so, when it belongs to a trace of such a line, or when its text has the
order's id. With --output json the lines are printed as they were written.
Exit codes: 0 some lines were found, 1 none, 69 there is no shop, or the cluster cannot be reached.")]
pub struct LogsArgs {
    /// The order's id
    order_id: String,

    /// How far back the logs of pods are read, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = value_parser!(u64).range(1..=MAX_SECONDS))]
    since: u64,

    /// The data folder of a shop that is closed
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["shop", "kubernetes", "context", "namespace"])]
    data: Option<PathBuf>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// Tells what the services wrote about an order.
///
/// # Errors
/// Where no log can be read, or no line is about the order.
pub async fn run(args: LogsArgs, output: &Output) -> Result<ExitCode> {
    let mut about = About::order(&args.order_id)?;
    let mut progress = output.progress();
    progress.show("reading the logs");
    let lines = match args.place.is_on_kubernetes() {
        true => cluster::lines(&args.place.target, args.since, &mut about, output).await?,
        false => files::lines(&files::folder(args.data.as_deref(), &args.place.find)?, &mut about)?,
    };
    drop(progress);
    if lines.is_empty() {
        bail!("no log line is about order {}", args.order_id);
    }
    tell(&in_order(lines), output)?;
    Ok(ExitCode::SUCCESS)
}

fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    // Stable: lines of one moment stay as their service wrote them.
    lines.sort_by_key(|line| line.time);
    lines
}

fn tell(lines: &[Line], output: &Output) -> Result<()> {
    if lines.len() > LINES {
        output.note(&format!("only the first {LINES} of {} lines are told", lines.len()));
    }
    let lines = lines.get(..LINES).unwrap_or(lines);
    if output.is_json() {
        let raw = lines.iter().map(|line| format!("{}\n", line.raw));
        return Ok(output.text(&raw.collect::<String>())?);
    }
    Ok(output.text(&show::text(lines))?)
}
