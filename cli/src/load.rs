//! `madang load`: calls at a rate that does not wait for the shop, and what the shop made of them.

mod flags;
mod html;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use madang_load::{Error, Load, Report, Settings};
use tokio::time::{MissedTickBehavior, interval_at};

use crate::exit::Unreachable;
use crate::output::{Output, WAITS, styled};
use crate::shop::GatewayArgs;
use crate::up::Stop;

use flags::Flags;

/// What `madang load` is told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  madang load --rate 50 --duration 10s
  madang load --rate 200 --duration 1m --mix order=1,browse=9 --html load.html --json load.json
  madang load --rate 20 --mix order=1 --product celadon-tea-cup=3 --product bangpae-kite
  madang load --rate 100 --arrivals poisson --seed 7 --fail-on-error

The latency of a call begins when it was meant to be sent: a shop that stands still shows in every call of that time.
What would be more than --in-flight is not sent, and counted. Each order is followed to its end after the load.
The gateway gives a client 200 requests a second, and 400 after a rest, unless its --rate-limit and --rate-burst say otherwise.
Ctrl-C ends the load early and still reports; once more, it reports at once.")]
pub struct LoadArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    flags: Flags,
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as a page with charts to a file; it needs no other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Exit with 1 where a call failed or was not sent, or an order has no good end
    #[arg(long)]
    fail_on_error: bool,
}

/// How often the load tells how it is.
const SECOND: Duration = Duration::from_secs(1);

/// Runs the load and tells what became of it.
///
/// # Errors
/// Bad flags, all at once; that the shop cannot be reached; a report that cannot be written.
pub async fn run(args: LoadArgs, output: &Output) -> Result<ExitCode> {
    let stop = Stop::listen()?;
    let files = [("--json", &args.json), ("--html", &args.html)];
    let settings = args.flags.settings(args.gateway.find()?, &files)?;
    let seconds = settings.schedule.duration().as_secs_f64();
    let mut load = tokio::select! {
        started = start(settings) => started?,
        () = stop.heard() => bail!("interrupted before the load began"),
    };
    output.note(&format!("the load goes on for {seconds} s; Ctrl-C ends it early"));
    let report = match watch(&mut load, &stop, output).await {
        Watched::Done => load.report(stop.heard()).await?,
        Watched::InAHurry => load.report(std::future::ready(())).await?,
    };
    tell(&report, output)?;
    write(&report, &args, output)?;
    let is_bad = args.fail_on_error && !report.is_clean();
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn start(settings: Settings) -> Result<Load> {
    Load::start(settings).await.map_err(|error| match error {
        Error::Unreachable { gateway, .. } => Unreachable { url: gateway }.into(),
        Error::Catalogue(status) => anyhow::Error::from(*status).context("the catalogue cannot be read"),
        Error::Settings(_)
        | Error::Address { .. }
        | Error::NoProducts
        | Error::Threads(_)
        | Error::Panicked(_) => error.into(),
    })
}

enum Watched {
    Done,
    /// Asked to end a second time.
    InAHurry,
}

/// Tells each second how it goes, until the last call has ended.
async fn watch(load: &mut Load, stop: &Stop, output: &Output) -> Watched {
    let mut second = interval_at(tokio::time::Instant::now() + SECOND, SECOND);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_stopped = false;
    loop {
        tokio::select! {
            () = load.done() => {
                output.note(&show::second(&load.snapshot()));
                return Watched::Done;
            }
            _ = second.tick() => output.note(&show::second(&load.snapshot())),
            () = stop.heard() => {
                if is_stopped {
                    return Watched::InAHurry;
                }
                is_stopped = true;
                load.stop();
                output.note(&styled(WAITS, "nothing more is sent; Ctrl-C once more reports at once"));
            }
        }
    }
}

fn tell(report: &Report, output: &Output) -> Result<()> {
    match output.is_json() {
        true => output.json(&serde_json::to_value(report)?)?,
        false => output.text(&show::report(report))?,
    }
    Ok(())
}

fn write(report: &Report, args: &LoadArgs, output: &Output) -> Result<()> {
    let json = serde_json::to_string_pretty(report)? + "\n";
    let files = [(&args.json, json), (&args.html, html::page(report))];
    files.iter().try_for_each(|(file, text)| file.iter().try_for_each(|file| output.write(file, text)))
}
