//! A database of one side, as psql sees it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::backend::Backend;
use crate::stats::float;

/// The tables of an order.
const TABLES: [&str; 3] = ["orders", "events_requests", "events_outbox"];

/// An empty database, and the programs to reach it.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) url: String,
    pub(super) programs: PathBuf,
}

/// What is in it in the end.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) orders: u64,
    pub(super) confirmed: u64,
    pub(super) requests: u64,
    pub(super) events: u64,
    /// The mean row of each table.
    pub(super) row_bytes: Vec<(String, f64)>,
    /// Of the tables with their indexes.
    pub(super) disk: u64,
}

impl Store {
    pub(super) fn disk_per_order(&self) -> f64 {
        float(self.disk) / float(self.orders)
    }
}

impl Database {
    pub(super) async fn create(server: &Backend, name: &str) -> Result<Self> {
        let (at, _) = server.url.rsplit_once('/').context("the server's URL names no database")?;
        let of = |url: String| Self { url, programs: server.program.clone() };
        let text = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
        of(server.url.clone()).ask(&format!("CREATE DATABASE {name} {text}")).await?;
        Ok(of(format!("{at}/{name}")))
    }

    /// Runs SQL, and gives its rows: a line each, columns divided by `=`.
    pub(super) async fn ask(&self, sql: &str) -> Result<Vec<String>> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAt", "-F=", "-c", sql, &self.url]);
        let output = command.output().await.context("psql does not start")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{sql}: {told}");
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    pub(super) async fn store(&self) -> Result<Store> {
        let mut row_bytes = Vec::new();
        for table in TABLES {
            let sql = format!("SELECT avg(pg_column_size(t.*))::float8 FROM {table} AS t");
            row_bytes.push((table.to_owned(), self.number(&sql).await?));
        }
        let sizes = TABLES.map(|table| format!("pg_total_relation_size('{table}')")).join(" + ");
        Ok(Store {
            orders: self.number("SELECT count(*) FROM orders").await?,
            confirmed: self.number("SELECT count(*) FROM orders WHERE state = 'CONFIRMED'").await?,
            requests: self.number("SELECT count(DISTINCT resource) FROM events_requests").await?,
            events: self.number("SELECT count(*) FROM events_outbox").await?,
            row_bytes,
            disk: self.number(&format!("SELECT {sizes}")).await?,
        })
    }

    async fn number<T>(&self, sql: &str) -> Result<T>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let told = self.ask(sql).await?;
        told.first().context("no row")?.parse().with_context(|| format!("{sql}: {told:?}"))
    }
}
