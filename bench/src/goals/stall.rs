//! Whether the load would show a stall: payments stands still, and the latencies must say so.

use std::time::Duration;

use anyhow::Result;
use madang_load::Load;
use rustix::process::Signal;
use tokio::time::sleep;

use super::measure::{Plan, settings};
use super::pair::open;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::process::signal;

const RATE: f64 = 50.0;
/// How long payments stands still.
const STALL: Duration = Duration::from_millis(200);

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let shop = open().await?;
    let payments = shop.pid("payments")?;
    let plan = Plan { rate: Some(RATE), ..Plan::orders(1_000, args.duration()) };
    let (mut slowest, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let load = Load::start(settings(&shop.text("gateway", "url"), plan)?).await?;
        sleep(args.duration() / 2).await;
        signal(payments, Signal::STOP)?;
        sleep(STALL).await;
        signal(payments, Signal::CONT)?;
        let report = load.report(std::future::pending()).await?;
        slowest.push(report.latency.max().as_secs_f64() * 1_000.0);
        slow.push(crate::stats::float(report.latency.count_at_least(STALL / 4)));
    }
    shop.audit().await?;
    shop.close().await?;
    let name = Goal::Stall.name();
    // A call was on its way to payments within some milliseconds of its begin; three quarters of those that were meant for the
    // stall waited a quarter of it.
    let least = RATE * STALL.as_secs_f64() / 2.0;
    Ok(vec![
        Row::plain(
            name,
            "ms of the slowest order, payments still for 200 ms",
            Wanted::AtLeast(150.0),
            slowest,
        ),
        Row::plain(name, "orders that took 50 ms then, of 10", Wanted::AtLeast(least), slow),
    ])
}
