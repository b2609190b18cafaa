//! Runs one seed and prints what it came to. The tests start it once for each seed: a process is what a seed gets.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use madang_sim::{Control, Count, Trace, count, run};
use tracing_subscriber::EnvFilter;

/// Runs the shop from a seed.
#[derive(Debug, Parser)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// What everything follows from
    #[arg(long, required = true)]
    seed: Option<u64>,
    /// Takes a mechanism away; then seeds must fail
    #[arg(long)]
    without: Option<Control>,
    /// What is logged, such as `sim=info` or `info`
    #[arg(long)]
    log: Option<String>,
}

/// What else can be run.
#[derive(Debug, Subcommand)]
enum Instead {
    /// The shop at work that nothing disturbs, for a counter of instructions around this process
    Count(Count),
}

impl Args {
    fn run(self) -> Result<String> {
        match self.instead {
            Some(Instead::Count(args)) => count(&args),
            None => {
                let seed = self.seed.context("a seed is needed")?;
                Ok(run(seed, self.without, &Trace::default())?.to_string())
            }
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(log) = &args.log {
        let colours = std::io::stderr().is_terminal();
        let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(log)).with_ansi(colours);
        logs.without_time().with_writer(std::io::stderr).init();
    }
    // A fresh thread, so that the log takes nothing from the chance that hash maps and `select!` have.
    let simulation = std::thread::spawn(move || args.run());
    let outcome = simulation.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the simulation panicked")));
    let told = match &outcome {
        Ok(told) => told.clone(),
        Err(error) => format!("failed: {error:#}"),
    };
    let printed = writeln!(std::io::stdout(), "{told}").is_ok();
    if printed && outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
