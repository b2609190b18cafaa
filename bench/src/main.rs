//! What things cost: ratios within one run, interleaved, because the machine is noisy.
//!
//! ```text
//! madang-bench telemetry    orders a second and CPU with traces off, at 1 % and at 100 %
//! ```

mod shop;
mod sink;
mod telemetry;

use clap::Parser;

/// What is measured.
#[derive(Debug, Parser)]
#[command(version)]
enum Args {
    /// What traces cost: orders a second and CPU, off, at 1 % and at 100 %
    Telemetry(telemetry::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse() {
        Args::Telemetry(args) => telemetry::run(&args).await,
    }
}
