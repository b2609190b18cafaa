//! Memory of the services: at rest, and after many orders.

use anyhow::Result;

use super::measure::{Plan, Target};
use super::pair::open;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::process::{Memory, memory};
use crate::shop::Shop;
use crate::stats::float;

const MIB: f64 = 1_048_576.0;

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let shop = open().await?;
    let ours = Target::shop(&shop)?;
    ours.rest().await?;
    let idle = read(&shop)?;
    let mut orders = 0.0;
    while orders < float(args.orders) {
        orders += ours.load(Plan::orders(64, args.duration())).await?.ok;
        args.note(&format!("memory, {orders} orders"));
    }
    let after = read(&shop)?;
    shop.audit().await?;
    shop.close().await?;
    let name = Goal::Memory.name();
    let sum = |value: fn(&Memory) -> u64| vec![idle.iter().map(|(_, it)| mib(value(it))).sum::<f64>()];
    let mut rows = vec![
        Row::plain(name, "MiB of all services, idle", Wanted::AtMost(64.0), sum(|it| it.resident)),
        Row::plain(name, "the same, what is shared counted once", Wanted::Nothing, sum(|it| it.proportional)),
    ];
    let each = |memory: &[(String, Memory)], when: &str, most: f64| {
        let row = |(service, it): &(String, Memory)| {
            Row::plain(
                name,
                format!("MiB of {service}, {when}"),
                Wanted::AtMost(most),
                vec![mib(it.resident)],
            )
        };
        memory.iter().map(row).collect::<Vec<_>>()
    };
    rows.extend(each(&idle, "idle", 8.0));
    rows.extend(each(&after, &format!("after {orders} orders"), 24.0));
    Ok(rows)
}

fn read(shop: &Shop) -> Result<Vec<(String, Memory)>> {
    shop.pids()?.into_iter().map(|(service, pid)| Ok((service, memory(pid)?))).collect()
}

fn mib(bytes: u64) -> f64 {
    float(bytes) / MIB
}
