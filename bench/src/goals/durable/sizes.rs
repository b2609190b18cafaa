//! How big the rows of an order are, in the shop and in the skeleton.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use super::Pair;
use crate::goals::Goal;
use crate::goals::table::{Row, Wanted};

/// Services, and the tables of an order's steps: the shop's and the skeleton's.
const TABLES: [(&str, &str, &str); 6] = [
    ("orders", "orders", "orders"),
    ("orders", "events_requests", "requests"),
    ("inventory", "reservations", "reservations"),
    ("payments", "payments", "payments"),
    ("payments", "ledger_entries", "ledger_entries"),
    ("shipping", "shipments", "shipments"),
];

/// The bytes of a row of each table, beside each other.
pub(super) fn rows(pair: &Pair) -> Result<Vec<Row>> {
    let row = |(service, ours, yard): (&str, &str, &str)| {
        let sizes = (bytes(pair.shop.data(), service, ours)?, bytes(pair.skeleton.data(), service, yard)?);
        let what = format!("bytes of a row of {ours}");
        Ok(Row::ratio(Goal::Durable.name(), what, Wanted::Nothing, vec![sizes]))
    };
    TABLES.into_iter().map(row).collect()
}

/// The mean of all rows: texts and blobs by their length, numbers as they are written out, so that both sides count alike.
fn bytes(data: &Path, service: &str, table: &str) -> Result<f64> {
    let file = data.join(format!("{service}.db"));
    let conn = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names: Vec<String> = columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let lengths: Vec<String> =
        names.iter().map(|name| format!("coalesce(length(CAST({name} AS BLOB)), 0)")).collect();
    let sql = format!("SELECT avg({}) FROM {table}", lengths.join(" + "));
    conn.query_row(&sql, [], |row| row.get(0)).with_context(|| format!("{} has no {table}", file.display()))
}
