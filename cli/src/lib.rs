//! The command line of Madang: starts the shop on one machine, places orders as a client would, shows its state, checks
//! that no money and no piece was lost, and gets going again what stopped.
//!
//! ```text
//! up, demo ──> supervisor ──> child processes, one for each service
//! order, load ─> gateway
//! cluster, canary ──> the API server; kind, docker, helm and kubectl, where they are the tool
//! trace ──> the console's traces, or Jaeger's; logs ──> the services' log files, or those of their pods
//! audit, status, sagas, dead-letters ──> the services themselves: what operators may ask does not pass the gateway
//! ```
//!
//! What is judged (the audit's rules, the demo's verdict) is pure: values in, verdict out. What is asked, started and waited for
//! stands apart from it. All output goes through [`output`].

mod args;
pub mod audit;
pub mod canary;
pub mod client;
pub mod cluster;
pub mod dead_letters;
pub mod demo;
pub mod exit;
mod launch;
pub mod load;
pub mod logs;
pub mod order;
pub mod output;
mod page;
mod place;
pub mod prove;
pub mod sagas;
pub mod shop;
pub mod status;
pub mod supervisor;
mod system;
pub mod trace;
pub mod up;

use std::process::ExitCode;

use clap::CommandFactory;

pub use args::{Cli, Command};
use output::Output;

/// Runs one command.
///
/// # Errors
/// What [`exit::report`] tells and turns into an exit code.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let output = Output::new(cli.output);
    if !matches!(cli.command, Command::LaunchService(_)) {
        prove::left::clean(&output);
    }
    match cli.command {
        Command::Up(args) => Box::pin(up::run(args, &output)).await,
        Command::Demo(args) => Box::pin(demo::run(args, &output)).await,
        Command::Order(args) => Box::pin(order::run(args, &output)).await,
        Command::Load(args) => Box::pin(load::run(args, &output)).await,
        Command::Prove(args) => Box::pin(prove::run(args, &output)).await,
        Command::Audit(args) => Box::pin(audit::run(args, &output)).await,
        Command::Status(args) => Box::pin(status::run(args, &output)).await,
        Command::Trace(args) => Box::pin(trace::run(args, &output)).await,
        Command::Logs(args) => Box::pin(logs::run(args, &output)).await,
        Command::Sagas(args) => Box::pin(sagas::run(args, &output)).await,
        Command::DeadLetters(args) => Box::pin(dead_letters::run(args, &output)).await,
        Command::Cluster(args) => Box::pin(cluster::run(args, &output)).await,
        Command::Canary(args) => Box::pin(canary::run(args, &output)).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "madang", &mut script);
            output.text(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::LaunchService(args) => Err(launch::exec(&args)),
    }
}
