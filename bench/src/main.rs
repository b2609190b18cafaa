//! The process: see the library.

use clap::Parser;
use madang_bench::{Args, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Args::parse()).await
}
