//! Orders a second from few clients and from many, each with an order in flight at all times.

use anyhow::Result;

use super::measure::{Plan, Seen, Target};
use super::pair::open;
use super::table::{Row, Wanted};
use super::{Args, Goal};

/// Over as many connections, 1,000 at most; the others are streams beside each other.
const CLIENTS: [usize; 3] = [64, 1_024, 10_000];

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let shop = open().await?;
    let ours = Target::shop(&shop)?;
    ours.load(Plan::orders(64, args.duration())).await?;
    let mut rounds: Vec<Vec<Seen>> = Vec::new();
    for round in 0..args.rounds {
        let mut seen = Vec::new();
        for clients in CLIENTS {
            let one = ours.load(Plan::orders(clients, args.duration())).await?;
            let Seen { per_second, failed, .. } = one;
            args.note(&format!(
                "clients, round {round}, {clients}: {per_second:.0} orders/s, {failed} refused"
            ));
            seen.push(one);
        }
        rounds.push(seen);
    }
    shop.audit().await?;
    shop.close().await?;
    let of = |at: usize, value: fn(&Seen) -> f64| rounds.iter().map(move |seen| value(&seen[at]));
    let rate = |it: &Seen| it.per_second;
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
