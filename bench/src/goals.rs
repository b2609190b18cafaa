//! The goals, each measured beside the least that could do the same.

mod clients;
mod durable;
mod growth;
mod hop;
mod html;
mod latency;
mod made;
pub(crate) mod measure;
mod memory;
mod nats;
mod pair;
mod postgres;
mod restate;
mod saga;
mod sidecar;
mod stall;
mod start;
mod syscalls;
mod table;

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::json;

use table::Row;

use crate::backend::Missing;

/// Which goals, and for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which; all but `restate` and `sidecar` where none is named
    goals: Vec<Goal>,
    /// How often each is measured, in turn with its yardstick
    #[arg(long, default_value = "3")]
    rounds: usize,
    /// Seconds of each load
    #[arg(long, default_value = "3")]
    seconds: u64,
    /// Orders in the store that is called large; the goal is about 1,000,000
    #[arg(long, default_value = "20000")]
    orders: u64,
    /// Where to write all numbers
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to write a page with pictures of them
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where a shop in the mesh takes orders, on a cluster whose nodes are this machine; for `sidecar`
    #[arg(long, value_name = "URL")]
    mesh: Option<String>,
    /// Where the same shop without sidecars takes them
    #[arg(long, value_name = "URL")]
    bare: Option<String>,
    /// Print the table in Markdown
    #[arg(long)]
    markdown: bool,
}

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Goal {
    /// Orders a second and CPU for each
    Saga,
    /// Syncs for each order
    Durable,
    /// What the gateway adds to a call
    Hop,
    /// Latencies at a part of what can be done
    Latency,
    /// Many clients at once
    Clients,
    /// Memory of the services
    Memory,
    /// Time until a service is ready, and the shop
    Start,
    /// A store with many orders in it
    Growth,
    /// Whether the load shows that payments stands still
    Stall,
    /// Transactions on PostgreSQL
    Postgres,
    /// Events on their way to NATS
    Nats,
    /// The same saga on Restate, which `make bench-peers` installs
    Restate,
    /// Two shops on a cluster, one of them without sidecars
    Sidecar,
}

impl Goal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Saga => "saga",
            Self::Durable => "durable",
            Self::Hop => "hop",
            Self::Latency => "latency",
            Self::Clients => "clients",
            Self::Memory => "memory",
            Self::Start => "start",
            Self::Growth => "growth",
            Self::Stall => "stall",
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Restate => "restate",
            Self::Sidecar => "sidecar",
        }
    }

    /// Those that need nothing but what this repository builds.
    fn usual() -> Vec<Self> {
        let is_usual = |goal: &Self| !matches!(goal, Self::Restate | Self::Sidecar);
        Self::value_variants().iter().copied().filter(is_usual).collect()
    }

    async fn rows(self, args: &Args) -> Result<Vec<Row>> {
        match self {
            Self::Saga => saga::rows(args).await,
            Self::Durable => durable::rows(args).await,
            Self::Hop => hop::rows(args).await,
            Self::Latency => latency::rows(args).await,
            Self::Clients => clients::rows(args).await,
            Self::Memory => memory::rows(args).await,
            Self::Start => start::rows(args).await,
            Self::Growth => growth::rows(args).await,
            Self::Stall => stall::rows(args).await,
            Self::Postgres => postgres::rows(args).await,
            Self::Nats => nats::rows(args).await,
            Self::Restate => restate::rows(args).await,
            Self::Sidecar => sidecar::rows(args).await,
        }
    }
}

impl Args {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Tells what is under way, beside the table.
    fn note(&self, text: &str) {
        let _written = writeln!(stderr(), "{text}").is_ok();
    }
}

/// What was measured, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Goals whose yardstick is not installed here, each with what is missing.
    left_out: Vec<(&'static str, String)>,
}

impl Report {
    async fn of(args: &Args) -> Result<Self> {
        let all = if args.goals.is_empty() { Goal::usual() } else { args.goals.clone() };
        let mut report = Self::default();
        for goal in all {
            match goal.rows(args).await.map_err(|error| error.downcast::<Missing>()) {
                Ok(rows) => report.rows.extend(rows),
                Err(Ok(missing)) => report.left_out.push((goal.name(), missing.to_string())),
                Err(Err(error)) => return Err(error.context(format!("{} cannot be measured", goal.name()))),
            }
        }
        Ok(report)
    }

    /// A line for each goal that is left out.
    fn left_out(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|(goal, why)| format!("{goal} is left out: {why}"))
    }
}

/// Measures what was asked for, and tells it as a table.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let report = Report::of(args).await?;
    let told = if args.markdown { table::markdown(&report.rows) } else { table::text(&report.rows) };
    write!(stdout(), "{told}")?;
    report.left_out().try_for_each(|line| writeln!(stdout(), "{line}"))?;
    if let Some(file) = &args.json {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let Args { rounds, seconds, orders, .. } = args;
        let report = json!({
            "version": 1, "cores": cores, "rounds": rounds, "seconds": seconds, "orders": orders,
            "rows": report.rows, "left_out": report.left_out,
        });
        let text = serde_json::to_string_pretty(&report)? + "\n";
        write_to(file, &text)?;
    }
    args.html.iter().try_for_each(|file| write_to(file, &html::page(args, &report)))
}

fn write_to(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
