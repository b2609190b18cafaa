//! What only PostgreSQL has: connections that break, several replicas, limits of its own. Each test has a
//! database of its own on the server at MADANG_TEST_POSTGRES, and is told as skipped where there is none.
#![cfg(test)]

#[path = "postgres/authority.rs"]
mod authority;
#[path = "postgres/broken.rs"]
mod broken;
#[path = "postgres/closed.rs"]
mod closed;
#[path = "postgres/frozen.rs"]
mod frozen;
#[path = "postgres/limits.rs"]
mod limits;
#[path = "postgres/open.rs"]
mod open;
#[path = "postgres/proxy.rs"]
mod proxy;
#[path = "postgres/replicas.rs"]
mod replicas;
#[path = "postgres/restart.rs"]
mod restart;
#[path = "postgres/server.rs"]
mod server;
#[path = "postgres/tls.rs"]
mod tls;
#[path = "postgres/together.rs"]
mod together;
#[path = "postgres/trips.rs"]
mod trips;
#[path = "postgres/waiting.rs"]
mod waiting;

use std::time::Duration;

use madang_db::{Config, Db, Error, Kind, Migrations, Tx, params};
use refinery::{Migration, Runner};

const SCHEMA: &str = "CREATE TABLE item (id BIGINT PRIMARY KEY, version BIGINT NOT NULL DEFAULT 0)";

/// The test's database, or the end of the test.
macro_rules! database {
    ($test:literal) => {
        match madang_db::testing::OnPostgres::create($test) {
            Some(database) => database,
            None => return,
        }
    };
}
use database;

fn owner(table: &'static str, files: &[(&str, &str)]) -> Migrations {
    let files: Vec<_> = files.iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap()).collect();
    Migrations { table, runner: Runner::new(&files) }
}

fn config(url: &str) -> Config {
    Config::new(url.parse().unwrap())
}

/// The same, but a server that is not there yet is not waited for.
fn at_once(mut config: Config) -> Config {
    config.wait = Duration::ZERO;
    config
}

async fn opened(config: &Config) -> Db {
    Db::open(config, vec![owner("test_history", &[("V1__init", SCHEMA)])]).await.unwrap()
}

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    tx.execute("INSERT INTO item (id) VALUES ($1)", &params![id]).map(drop)
}

async fn inserted(db: &Db, id: i64) -> Result<(), Error> {
    db.write(Kind::Request, move |tx| insert(tx, id)).await
}

fn count(tx: &mut Tx<'_>) -> Result<i64, Error> {
    tx.query("SELECT count(*) FROM item", &[])?[0].get(0)
}

/// Waits, with a bound, for a state that another thread or the server brings about.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("ten seconds are not enough: {what}");
}
