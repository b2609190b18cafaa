//! What things cost: ratios within one run, interleaved, because the machine is noisy.
//!
//! ```text
//! madang-bench goals        the shop against the least that could do the same work: a table of goals
//! madang-bench telemetry    orders a second and CPU with traces, 1 % and 100 %, beside the same shop's without
//! madang-bench counts       instructions of an order and of a hop, against those that are kept
//! madang-bench profile      where the instructions of an order go
//! madang-bench yard …       one process of the yardsticks
//! ```

mod backend;
mod counts;
mod goals;
mod peer;
mod process;
mod shop;
mod sink;
mod skeleton;
mod stats;
mod telemetry;
mod yard;

use clap::Parser;

pub use process::{Process, cpu};
pub use skeleton::Skeleton;

/// What is measured.
#[derive(Debug, Parser)]
#[command(version)]
pub enum Args {
    /// How near the shop is to what it is meant to be, beside yardsticks in the same run
    Goals(goals::Args),
    /// What traces cost: orders a second and CPU, off, at 1 % and at 100 %
    Telemetry(telemetry::Args),
    /// Instructions of an order and of a hop; fails where they are more than those kept by more than 5 %
    Counts(counts::Args),
    /// Where the instructions of an order, or of a read, go
    Profile(counts::ProfileArgs),
    /// A process of the yardsticks: it says where it serves, and runs until it is killed
    #[command(subcommand)]
    Yard(yard::Args),
}

/// Measures, and prints what it saw.
///
/// # Errors
/// Whatever keeps it from measuring.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::Goals(args) => Box::pin(goals::run(&args)).await,
        Args::Telemetry(args) => Box::pin(telemetry::run(&args)).await,
        Args::Counts(args) => counts::counts(&args).await,
        Args::Profile(args) => counts::profile(&args).await,
        Args::Yard(args) => yard::run(args).await,
    }
}
