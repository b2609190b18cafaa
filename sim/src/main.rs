//! Runs one seed and prints what it came to. The tests start it once for each seed: a process is what a seed gets.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use madang_sim::{Control, Trace, run};
use tracing_subscriber::EnvFilter;

/// Runs the shop from a seed.
#[derive(Debug, Parser)]
struct Args {
    /// What everything follows from
    #[arg(long)]
    seed: u64,
    /// Takes a mechanism away; then seeds must fail
    #[arg(long)]
    without: Option<Control>,
    /// What is logged, such as `sim=info` or `info`
    #[arg(long)]
    log: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(log) = &args.log {
        let colours = std::io::stderr().is_terminal();
        let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(log)).with_ansi(colours);
        logs.without_time().with_writer(std::io::stderr).init();
    }
    // A fresh thread, so that the log takes nothing from the chance that hash maps and `select!` have.
    let simulation = std::thread::spawn(move || run(args.seed, args.without, &Trace::default()));
    let outcome = simulation.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the simulation panicked")));
    let told = match &outcome {
        Ok(outcome) => format!("{outcome}"),
        Err(error) => format!("failed: {error:#}"),
    };
    let printed = writeln!(std::io::stdout(), "{told}").is_ok();
    if printed && outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
