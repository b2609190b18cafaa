//! What a call costs that goes through the gateway to catalog, beside a bare hop to the same catalog.

use std::time::Duration;

use anyhow::Result;

use super::measure::{Plan, Seen, Target};
use super::pair::open;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::process::Process;

/// In flight where a call is alone, and where both cores are busy.
const ALONE: usize = 1;
const SATURATED: usize = 64;

/// One round: through the gateway, through the bare hop.
type Both = (Seen, Seen);

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let (shop, program) = (open().await?, std::env::current_exe()?);
    let (gateway, catalog) = (shop.pid("gateway")?, shop.pid("catalog")?);
    let to = shop.text("catalog", "url");
    let bare = Process::start(&program, "forwarder", None, &[("--to", &to)]).await?;
    let echo = Process::start(&program, "echo", None, &[]).await?;
    let ours = Target { url: shop.text("gateway", "url"), pids: vec![gateway, catalog] };
    let yard = Target { url: bare.url.clone(), pids: vec![bare.pid(), catalog] };
    // What the catalog alone takes, and a tonic service that does nothing.
    let direct = Target { url: to, pids: vec![catalog] };
    let nothing = Target { url: echo.url.clone(), pids: vec![echo.pid()] };
    let (mut alone, mut saturated, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        alone.push(both((&ours, &yard), plan(ALONE, args.duration())).await?);
        saturated.push(both((&ours, &yard), plan(SATURATED, args.duration())).await?);
        ends.push(both((&direct, &nothing), plan(SATURATED, args.duration())).await?);
        if let Some((ours, yard)) = saturated.last() {
            args.note(&format!("hop: {:.0} and {:.0} calls/s", ours.per_second, yard.per_second));
        }
    }
    shop.audit().await?;
    shop.close().await?;
    Ok(told(&alone, &saturated, &ends))
}

fn plan(in_flight: usize, duration: Duration) -> Plan {
    Plan { mix: "product=1", ..Plan::orders(in_flight, duration) }
}

async fn both((ours, yard): (&Target, &Target), plan: Plan) -> Result<Both> {
    Ok((ours.load(plan).await?, yard.load(plan).await?))
}

fn told(alone: &[Both], saturated: &[Both], ends: &[Both]) -> Vec<Row> {
    let name = Goal::Hop.name();
    let of = |rounds: &[Both], value: fn(&Seen) -> f64| {
        rounds.iter().map(|(ours, yard)| (value(ours), value(yard))).collect::<Vec<_>>()
    };
    let us = |seen: &Seen| 1_000.0 * seen.cpu_ms;
    let added = of(saturated, us).into_iter().map(|(ours, yard)| ours - yard).collect();
    vec![
        Row::ratio(name, "p50 in ms, 1 in flight", Wanted::AtMost(1.15), of(alone, |it| it.ms(0.5))),
        Row::ratio(name, "µs of CPU for a call, 1 in flight", Wanted::AtMost(1.25), of(alone, us)),
        Row::ratio(name, "µs of CPU for a call, saturated", Wanted::AtMost(1.25), of(saturated, us)),
        Row::plain(name, "µs of CPU more than the bare hop, saturated", Wanted::AtMost(20.0), added),
        Row::ratio(name, "calls a second, saturated", Wanted::Nothing, of(saturated, |it| it.per_second)),
        Row::ratio(name, "µs of CPU of catalog, beside an echo's", Wanted::Nothing, of(ends, us)),
    ]
}
