use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::Format;
use crate::{audit, canary, cluster, dead_letters, demo, load, logs, order, prove, sagas, status, trace, up};

/// The longest time that a flag may give, a day: far below what overflows when it is added to the present.
pub(crate) const MAX_SECONDS: u64 = 86_400;

/// Madang, a shop of small services: start it, order from it, check it
#[derive(Debug, Parser)]
#[command(
    name = "madang",
    version,
    propagate_version = true,
    after_help = "Examples:
  madang demo                                   See the shop at work, then its books checked
  madang up                                     Keep a shop open until Ctrl-C
  madang order place --line celadon-tea-cup=2   Order from it
  madang load --rate 50 --duration 10s          See how it bears a load
  madang audit                                  Check that no money and no piece was lost

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 the shop cannot be reached."
)]
pub struct Cli {
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line and the variables that stand for its flags; an empty variable counts as unset. Where the usage is
    /// wrong, or is only asked for, that is told and the process ends.
    pub fn read() -> Self {
        let mut command = without_empty(Self::command());
        let matches = command.get_matches_mut();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
        true => arg.env(None::<&'static str>),
        false => arg,
    });
    command.mut_subcommands(without_empty)
}

/// What `madang` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the shop: start all services and keep them running until Ctrl-C
    Up(up::UpArgs),
    /// Show the shop at work: orders that succeed, fail, repeat and survive a kill, then the audit
    Demo(demo::DemoArgs),
    /// Place, read, follow and cancel orders, through the gateway
    Order(order::OrderArgs),
    /// Send calls at a rate, whatever the shop does, and tell how it bore them
    Load(load::LoadArgs),
    /// Try the promises of the architecture by experiment: harm a shop, measure, and tell which of them hold
    Prove(prove::ProveArgs),
    /// Check that no money and no piece was lost, across all services
    Audit(audit::AuditArgs),
    /// Show the services, the orders by state and how far events have come
    Status(status::StatusArgs),
    /// Show what happened to an order, and what took the time: its traces across all services, with the critical path
    Trace(trace::TraceArgs),
    /// Collect the log lines of all services about one order, in the order of time
    Logs(logs::LogsArgs),
    /// List the orders that are under way or stuck, and resume the stuck ones
    Sagas(sagas::SagasArgs),
    /// List events that a consumer could not apply, apply them again, or give them up
    DeadLetters(dead_letters::DeadLettersArgs),
    /// The shop on Kubernetes: set it up, deploy it, reach its services, take it down
    Cluster(cluster::ClusterArgs),
    /// Send some of a service's calls to another version of it, on Kubernetes; promote it or take it back
    Canary(canary::CanaryArgs),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  madang completions bash > ~/.local/share/bash-completion/completions/madang"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Become a service or a tool that ends when `madang` does
    #[command(hide = true)]
    LaunchService(LaunchArgs),
}

/// Which program to become, and whose death ends it.
#[derive(Debug, clap::Args)]
pub struct LaunchArgs {
    /// The process id of the `madang` that starts it
    #[arg(long)]
    pub parent: i32,
    /// The program
    pub binary: PathBuf,
    /// What it is told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}
