//! Syncs for each order, all processes and all that follows an order included; and whether both sides' rows are as big.

mod sizes;

use anyhow::Result;

use super::measure::{Plan, Target};
use super::pair::Pair;
use super::syscalls::Syncs;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::stats::float;

const IN_FLIGHT: [usize; 3] = [1, 16, 256];
/// The closures of an order's steps, as the services count them.
const CLOSURES: &str = "madang_db_closures_committed_total{kind=\"order-path\"";

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let pair = Pair::open().await?;
    let (mut syncs, mut closures) = (vec![Vec::new(); IN_FLIGHT.len()], Vec::new());
    for round in 0..args.rounds {
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let plan = Plan::orders(in_flight, args.duration());
            let before = pair.shop.count(CLOSURES).await?;
            let (ours, orders) = count(&pair.ours, plan).await?;
            closures.push((pair.shop.count(CLOSURES).await? - before) / orders);
            let (yard, _) = count(&pair.yard, plan).await?;
            args.note(&format!(
                "durable, round {round}, {in_flight} in flight: {ours:.2} and {yard:.2} syncs"
            ));
            syncs[at].push((ours, yard));
        }
    }
    let sizes = sizes::rows(&pair)?;
    pair.close().await?;
    let name = Goal::Durable.name();
    let exactly = Row::plain(
        name,
        "closures of its steps for an order, at least",
        Wanted::AtLeast(5.0),
        closures.clone(),
    );
    let mut rows = vec![exactly, Row::plain(name, "the same, at most", Wanted::AtMost(5.0), closures)];
    for (in_flight, rounds) in IN_FLIGHT.into_iter().zip(syncs) {
        let what = format!("syncs for an order, {in_flight} in flight");
        let row = match in_flight {
            1 => {
                let ours = rounds.iter().map(|(ours, _)| *ours).collect();
                rows.push(Row::plain(name, what.clone(), Wanted::AtMost(6.0), ours));
                Row::ratio(name, what, Wanted::Nothing, rounds)
            }
            _ => Row::ratio(name, what, Wanted::AtMost(1.25), rounds),
        };
        rows.push(row.on("syncs for an order", float(in_flight as u64)));
    }
    rows.extend(sizes);
    Ok(rows)
}

/// Syncs for an order, and how many orders there were.
pub(super) async fn count(target: &Target, plan: Plan) -> Result<(f64, f64)> {
    let syncs = Syncs::count(&target.pids).await?;
    let seen = target.load(plan).await?;
    Ok((syncs.end().await? / seen.ok, seen.ok))
}
