//! Latencies of an open loop at a part of what the shop can do, beside the skeleton's at the same rate.

use std::time::Duration;

use anyhow::Result;

use super::measure::{Plan, Seen};
use super::pair::Pair;
use super::table::{Row, Wanted};
use super::{Args, Goal};

/// Parts of the saturation, in hundredths.
const PARTS: [u32; 2] = [25, 50];
/// A thousandth needs some thousand calls.
const LONGER: u32 = 3;

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let pair = Pair::open().await?;
    let mut seen = vec![Vec::new(); PARTS.len()];
    for round in 0..args.rounds {
        let most = pair.ours.load(Plan::orders(64, args.duration())).await?.per_second;
        for (at, part) in PARTS.into_iter().enumerate() {
            let rate = most * f64::from(part) / 100.0;
            let duration = Duration::saturating_mul(args.duration(), LONGER);
            let plan = Plan { rate: Some(rate), ..Plan::orders(1_000, duration) };
            let both = pair.load(plan, round).await?;
            let (ours, yard) = (both.0.ms(0.99), both.1.ms(0.99));
            args.note(&format!("latency, round {round}, {rate:.0} orders/s: p99 {ours:.1} and {yard:.1} ms"));
            seen[at].push(both);
        }
    }
    pair.close().await?;
    Ok(PARTS.into_iter().zip(&seen).flat_map(|(part, rounds)| told(part, rounds)).collect())
}

fn told(part: u32, rounds: &[(Seen, Seen)]) -> Vec<Row> {
    let name = Goal::Latency.name();
    let both =
        |share: f64| rounds.iter().map(|(ours, yard)| (ours.ms(share), yard.ms(share))).collect::<Vec<_>>();
    let tail = rounds.iter().map(|(ours, _)| ours.ms(0.999) / ours.ms(0.99)).collect();
    let failed = rounds.iter().map(|(ours, _)| ours.failed).collect();
    vec![
        Row::ratio(name, format!("p50 in ms at {part} %"), Wanted::Nothing, both(0.5)),
        Row::ratio(name, format!("p99 in ms at {part} %"), Wanted::AtMost(1.3), both(0.99)),
        Row::plain(name, format!("p99.9 by p99 at {part} %"), Wanted::AtMost(3.0), tail),
        Row::plain(name, format!("errors at {part} %"), Wanted::AtMost(0.0), failed),
    ]
}
