//! Transactions on PostgreSQL by `crates/db`, beside the same ones by pgbench over as many connections.

mod database;
mod ours;
mod pgbench;

use anyhow::{Context, Result, ensure};

use self::database::{Database, Store};
use self::ours::Ours;
use self::pgbench::Pgbench;
use super::pair::in_turn;
use super::table::{Row, Wanted};
use super::{Args, Goal};
use crate::backend::{Backend, Kind};
use crate::stats::float;

/// Each side's, as a service has them.
const CONNECTIONS: u16 = 16;
/// An order is placed, and then confirmed.
const TRANSACTIONS: f64 = 2.0;

/// A side's load.
#[derive(Debug, Clone, Copy)]
struct Seen {
    orders: u64,
    seconds: f64,
    /// Seconds of the client.
    cpu: f64,
}

impl Seen {
    fn per_second(&self) -> f64 {
        TRANSACTIONS * float(self.orders) / self.seconds
    }

    fn cpu_us(&self) -> f64 {
        1e6 * self.cpu / (TRANSACTIONS * float(self.orders))
    }
}

pub(super) async fn rows(args: &Args) -> Result<Vec<Row>> {
    let server = Backend::start(Kind::Postgres).await?;
    let (ours, yard) = (Database::create(&server, "ours").await?, Database::create(&server, "yard").await?);
    let client = Ours::open(&ours).await?;
    let mut orders = (client.load(args.duration(), 0).await?.orders, 0);
    let pgbench = Pgbench::after(&client, &ours, &yard).await?;
    orders.1 += pgbench.load(args.duration(), 0).await?.orders;
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        let (mine, yard) = (client.load(args.duration(), round), pgbench.load(args.duration(), round));
        let both = in_turn(round, mine, yard).await?;
        orders = (orders.0 + both.0.orders, orders.1 + both.1.orders);
        args.note(&format!(
            "postgres, round {round}: {:.0} and {:.0} transactions/s",
            both.0.per_second(),
            both.1.per_second()
        ));
        rounds.push(both);
    }
    let stores = (ours.store().await?, yard.store().await?);
    drop(client);
    server.stop().await?;
    same(orders, &stores).context("the two sides did not do the same")?;
    Ok(told(&rounds, &stores))
}

/// What each side says that it did is there, and rows of one are as big as those of the other.
fn same(orders: (u64, u64), (ours, yard): &(Store, Store)) -> Result<()> {
    for (orders, store) in [(orders.0, ours), (orders.1, yard)] {
        let wanted = (orders, orders, orders, 2 * orders);
        let there = (store.orders, store.confirmed, store.requests, store.events);
        ensure!(
            there == wanted,
            "rows of orders, confirmed, request_ids and events: {there:?}, not {wanted:?}"
        );
    }
    for (table, ours, yard) in ours.row_bytes.iter().zip(&yard.row_bytes).map(|(a, b)| (&a.0, a.1, b.1)) {
        ensure!((ours / yard - 1.0).abs() < 0.01, "a row of {table} has {ours} and {yard} bytes");
    }
    Ok(())
}

fn told(rounds: &[(Seen, Seen)], stores: &(Store, Store)) -> Vec<Row> {
    let name = Goal::Postgres.name();
    let of = |value: fn(&Seen) -> f64| rounds.iter().map(|(ours, yard)| (value(ours), value(yard))).collect();
    let disk = (stores.0.disk_per_order(), stores.1.disk_per_order());
    vec![
        Row::ratio(
            name,
            format!("transactions a second over {CONNECTIONS} connections, beside pgbench's"),
            Wanted::AtLeast(0.8),
            of(Seen::per_second),
        ),
        Row::ratio(name, "µs of the client's CPU for one", Wanted::Nothing, of(Seen::cpu_us)),
        Row::ratio(name, "bytes of tables and indexes for an order", Wanted::Nothing, vec![disk]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(orders: u64, bytes: f64) -> Store {
        let row_bytes = vec![("orders".to_owned(), bytes)];
        Store { orders, confirmed: orders, requests: orders, events: 2 * orders, row_bytes, disk: 1 }
    }

    #[test]
    fn sides_that_did_something_else_are_told() {
        assert!(same((10, 20), &(store(10, 400.0), store(20, 401.0))).is_ok());
        assert!(same((10, 21), &(store(10, 400.0), store(20, 400.0))).is_err(), "an order is missing");
        assert!(same((10, 20), &(store(10, 400.0), store(20, 300.0))).is_err(), "the rows are smaller");
        let open = Store { confirmed: 9, ..store(10, 400.0) };
        assert!(same((10, 20), &(open, store(20, 400.0))).is_err(), "an order was not confirmed");
    }
}
