//! Orders a second and CPU for each, beside the skeleton's.

use std::collections::BTreeMap;

use anyhow::Result;

use super::measure::{Plan, Seen};
use super::pair::Pair;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::stats::float;

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let pair = Pair::open().await?;
    let mut seen: BTreeMap<usize, Vec<(Seen, Seen)>> = BTreeMap::new();
    for round in 0..args.rounds {
        for in_flight in IN_FLIGHT {
            let both = pair.load(Plan::orders(in_flight, args.duration()), round).await?;
            args.note(&format!(
                "saga, round {round}, {in_flight} in flight: {:.0} and {:.0} orders/s",
                both.0.per_second, both.1.per_second
            ));
            seen.entry(in_flight).or_default().push(both);
        }
    }
    pair.close().await?;
    let of = |in_flight: usize, value: fn(&Seen) -> f64| {
        let rounds = seen.get(&in_flight).map(Vec::as_slice).unwrap_or_default();
        rounds.iter().map(|(ours, yard)| (value(ours), value(yard))).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT {
        let wanted = if in_flight >= 64 { Wanted::AtLeast(0.75) } else { Wanted::Nothing };
        let what = format!("orders a second, {in_flight} in flight");
        let row = Row::ratio(Goal::Saga.name(), what, wanted, of(in_flight, |it| it.per_second));
        rows.push(row.on("orders a second", float(in_flight as u64)));
    }
    for in_flight in IN_FLIGHT {
        let what = format!("ms of CPU for an order, {in_flight} in flight");
        let row = Row::ratio(Goal::Saga.name(), what, Wanted::AtMost(1.3), of(in_flight, |it| it.cpu_ms));
        rows.push(row.on("ms of CPU for an order", float(in_flight as u64)));
    }
    Ok(rows)
}
