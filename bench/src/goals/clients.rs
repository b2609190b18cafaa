//! Orders a second from few clients and from many, each with an order in flight at all times. Whom the shop does not take on comes again
//! as it is told, with the same order.

use std::time::Duration;

use anyhow::Result;

use super::measure::{Plan, Seen, Target};
use super::pair::open;
use super::table::{Row, Wanted};
use super::{Args, Goal};

/// Over as many connections, 1,000 at most; the others are streams beside each other.
const CLIENTS: [usize; 3] = [64, 1_024, 10_000];
/// As many as the load can do; the last ones come after the deadline.
const RETRIES: u32 = 10;
/// At first all come at once, and most are sent away: that is not to weigh much.
const LONGER: u32 = 5;

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let shop = open().await?;
    let ours = Target::shop(&shop)?;
    ours.load(Plan::orders(64, args.duration())).await?;
    let mut rounds: Vec<Vec<Seen>> = Vec::new();
    for round in 0..args.rounds {
        let mut seen = Vec::new();
        for clients in CLIENTS {
            let duration = Duration::saturating_mul(args.duration(), LONGER);
            let plan = Plan { retries: RETRIES, ..Plan::orders(clients, duration) };
            let one = ours.load(plan).await?;
            let Seen { per_second_loaded, failed, .. } = one;
            args.note(&format!(
                "clients, round {round}, {clients}: {per_second_loaded:.0} orders/s, {failed} refused"
            ));
            seen.push(one);
        }
        rounds.push(seen);
    }
    shop.audit().await?;
    shop.close().await?;
    let of = |at: usize, value: fn(&Seen) -> f64| rounds.iter().map(move |seen| value(&seen[at]));
    let rate = |it: &Seen| it.per_second_loaded;
    let few: Vec<f64> = of(0, rate).collect();
    let peak: Vec<f64> = rounds.iter().map(|seen| seen.iter().map(rate).fold(0.0, f64::max)).collect();
    let beside = |at: usize, other: &[f64]| of(at, rate).zip(other.iter().copied()).collect::<Vec<_>>();
    let (name, what) =
        (Goal::Clients.name(), |at: usize| format!("orders a second of {} clients", CLIENTS[at]));
    Ok(vec![
        Row::plain(name, what(0), Wanted::Nothing, few.clone()),
        Row::ratio(name, what(1) + ", beside 64", Wanted::AtLeast(1.0), beside(1, &few)),
        Row::ratio(name, what(2) + ", beside the peak", Wanted::AtLeast(0.85), beside(2, &peak)),
        Row::plain(name, "orders refused of 10000 clients", Wanted::Nothing, of(2, |it| it.failed).collect()),
    ])
}
