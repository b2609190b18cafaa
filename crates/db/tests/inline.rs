//! What only the inline executor promises: the same seed, the same groups.
#![cfg(test)]

use std::task::{Context, Waker};

use madang_db::{Config, Db, Error, Kind, Migrations, Stats, params};
use refinery::{Migration, Runner};

fn open(seed: u64) -> Db {
    let init = Migration::unapplied("V1__init", "CREATE TABLE item (id BIGINT)").unwrap();
    let runner = Runner::new(&[init]);
    Db::inline(&Config::sqlite(":memory:"), vec![Migrations { table: "test_history", runner }], seed).unwrap()
}

/// Forty tasks that write at once, some refused, some given up; what they left, in its order.
async fn run(seed: u64) -> (Stats, Vec<i64>) {
    let db = open(seed);
    let mut tasks = tokio::task::JoinSet::new();
    for id in 0..40_i64 {
        let db = db.clone();
        tasks.spawn(async move {
            let write = db.write(Kind::Request, move |tx| {
                tx.execute("INSERT INTO item (id) VALUES ($1)", &params![id])?;
                if id % 5 == 0 { Err(Error::Conflict) } else { Ok(()) }
            });
            if id % 7 != 0 {
                return drop(write.await);
            }
            tokio::select! { biased; _ = write => {}, () = tokio::task::yield_now() => {} }
        });
    }
    tasks.join_all().await;
    let ids = db.read(|tx| {
        let rows = tx.query("SELECT id FROM item ORDER BY rowid", &[])?;
        rows.iter().map(|row| row.get(0)).collect::<Result<_, Error>>()
    });
    (db.stats(), ids.await.unwrap())
}

#[tokio::test]
async fn one_seed_gives_one_run() {
    for seed in 0..20 {
        assert_eq!(run(seed).await, run(seed).await, "seed {seed}");
    }
}

#[tokio::test]
async fn seeds_differ_in_their_groups_and_closures_share_groups() {
    let mut groups = Vec::new();
    for seed in 0..20 {
        let (stats, ids) = run(seed).await;
        assert!((ids.len() as u64) > stats.groups, "seed {seed}: {stats:?}");
        groups.push(stats.groups);
    }
    groups.sort_unstable();
    groups.dedup();
    assert!(groups.len() > 3, "{groups:?}");
}

#[tokio::test]
async fn a_caller_that_gives_up_runs_or_not_by_the_seed() {
    let mut ran = Vec::new();
    for seed in 0..20 {
        let db = open(seed);
        let mut write =
            Box::pin(db.write(Kind::Request, |tx| tx.execute("INSERT INTO item (id) VALUES (1)", &[])));
        let early = write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        drop(write);
        ran.push((early, db.stats().committed(Kind::Request)));
    }
    assert!(ran.contains(&(false, 0)) && ran.contains(&(false, 1)), "{ran:?}");
    assert!(!ran.contains(&(true, 0)), "{ran:?}");
}
