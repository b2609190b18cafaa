//! Instructions of an order and of a hop, which callgrind counts, beside those that are kept in a file. They hardly depend on
//! the machine or on who else uses it.

mod callgrind;
mod kept;
mod profile;

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use callgrind::run;
use kept::Counts;

/// What is counted, and against what.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the counts are kept
    #[arg(long, value_name = "FILE", default_value = "bench/counts.json")]
    file: PathBuf,
    /// Keep what is counted now
    #[arg(long)]
    write: bool,
}

/// Where the instructions of a call go.
#[derive(Debug, clap::Args)]
pub struct ProfileArgs {
    /// Of which
    #[arg(default_value = "order")]
    work: Work,
    /// How many functions
    #[arg(long, default_value = "40")]
    top: usize,
}

/// What the simulation's program is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// PlaceOrder through the gateway, and all that follows an order
    Order,
    /// GetProduct through the gateway
    Product,
    /// GetProduct of catalog itself
    Direct,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Product => "product",
            Self::Direct => "direct",
        }
    }

    /// How often it is done in the shorter run; in the longer one twice as often. The audit reads one page of orders.
    fn calls(self) -> u64 {
        match self {
            Self::Order => 100,
            Self::Product | Self::Direct => 500,
        }
    }
}

/// Counts, and compares or writes.
pub(crate) async fn counts(args: &Args) -> Result<()> {
    let sim = sim()?;
    // The same calls, uncounted: they left a shop that the audit finds in order.
    run::audited(&sim, Work::Order).await?;
    let read = per_call(&sim, Work::Direct).await?;
    let product = per_call(&sim, Work::Product).await?;
    let counted =
        Counts { order: per_call(&sim, Work::Order).await?, read, hop: product.saturating_sub(read) };
    if args.write {
        return counted.write(&args.file);
    }
    let compared = counted.beside(&Counts::read(&args.file)?);
    write!(stdout(), "{compared}")?;
    ensure!(!compared.has_grown(), "more instructions than are kept in {}", args.file.display());
    Ok(())
}

/// Prints where instructions go.
pub(crate) async fn profile(args: &ProfileArgs) -> Result<()> {
    let sim = sim()?;
    let (once, twice) = both(&sim, args.work).await?;
    let profile = profile::Profile::between(&once, &twice, args.work.calls());
    Ok(write!(stdout(), "{}", profile.text(args.work.name(), args.top))?)
}

/// The simulation's program is beside this one.
fn sim() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("madang-sim"))
}

async fn per_call(sim: &Path, work: Work) -> Result<u64> {
    let (once, twice) = both(sim, work).await?;
    let (once, twice) = (callgrind::total(&once)?, callgrind::total(&twice)?);
    Ok(twice.checked_sub(once).context("twice the work took less")? / work.calls())
}

/// What callgrind wrote of so many calls, and of twice as many.
async fn both(sim: &Path, work: Work) -> Result<(String, String)> {
    let _written = writeln!(stderr(), "counting {}", work.name()).is_ok();
    Ok((run::counted(sim, work, work.calls()).await?, run::counted(sim, work, 2 * work.calls()).await?))
}
