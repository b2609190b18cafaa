//! Closures that meet: deadlocks, guards, snapshots; and statements as PostgreSQL types them.

use std::sync::{Arc, Barrier, Mutex};

use madang_db::{Db, Error, Kind, params};
use uuid::Uuid;

use crate::limits::{Gate, queued};
use crate::{config, count, database, insert, inserted, opened};

const RAISE: &str = "UPDATE item SET version = version + 1 WHERE id = $1";
const GUARDED: &str = "UPDATE item SET version = $2 + 1 WHERE id = $1 AND version = $2";

/// Meets the other closure in its first run only.
fn once(barrier: &Arc<Barrier>) -> impl Fn() + Send + 'static {
    let barrier = Mutex::new(Some(Arc::clone(barrier)));
    move || {
        let first = barrier.lock().unwrap().take();
        if let Some(barrier) = first {
            barrier.wait();
        }
    }
}

#[tokio::test]
async fn a_deadlock_of_two_closures_is_resolved_by_running_one_again() {
    let database = database!("a_deadlock_of_two_closures_is_resolved_by_running_one_again");
    let db = opened(&config(&format!("{}?options=-c%20deadlock_timeout%3D50", database.url()))).await;
    inserted(&db, 1).await.and(inserted(&db, 2).await).unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let both = |db: &Db, first: i64, second: i64| {
        let (db, meet) = (db.clone(), once(&barrier));
        async move {
            db.write(Kind::Request, move |tx| {
                tx.execute_one(RAISE, &params![first])?;
                meet();
                tx.execute_one(RAISE, &params![second])
            })
            .await
        }
    };
    let (one, other) = tokio::join!(both(&db, 1, 2), both(&db, 2, 1));
    one.and(other).unwrap();
    assert_eq!(database.ask("SELECT version FROM item"), ["2", "2"]);
    let stats = db.stats();
    assert!((1..6).contains(&stats.reruns) && stats.lost_commits == 0, "{stats:?}");
}

#[tokio::test]
async fn of_two_guarded_updates_the_second_runs_again_and_sees_the_first() {
    let database = database!("of_two_guarded_updates_the_second_runs_again_and_sees_the_first");
    let db = opened(&database.config()).await;
    inserted(&db, 1).await.unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let guarded = || {
        let (db, meet) = (db.clone(), once(&barrier));
        async move {
            db.write(Kind::Request, move |tx| {
                let version: i64 = tx.query("SELECT version FROM item WHERE id = 1", &[])?[0].get(0)?;
                meet();
                tx.execute_one(GUARDED, &params![1_i64, version]).map(|()| version)
            })
            .await
        }
    };
    let (one, other) = tokio::join!(guarded(), guarded());
    let mut seen: Vec<_> = [one, other].into_iter().map(Result::<_, Error>::unwrap).collect();
    seen.sort_unstable();
    assert_eq!((seen, db.stats().reruns), (vec![0, 1], 1), "neither is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_on_many_connections_lose_and_invent_nothing() {
    let database = database!("many_tasks_on_many_connections_lose_and_invent_nothing");
    let db = opened(&database.config()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for id in 0..300 {
        let db = db.clone();
        tasks.spawn(async move {
            db.write(Kind::OrderPath, move |tx| {
                insert(tx, id)?;
                if id % 3 == 0 { Err(Error::Conflict) } else { Ok(()) }
            })
            .await
            .is_ok()
        });
    }
    let done = tasks.join_all().await.into_iter().filter(|ok| *ok).count() as i64;
    assert_eq!((done, db.read(count).await.unwrap()), (200, 200));
    let stats = db.stats();
    assert_eq!((stats.committed(Kind::OrderPath), stats.rolled_back, stats.groups), (200, 100, 200));
}

#[tokio::test]
async fn a_reader_keeps_its_snapshot_while_others_write() {
    let database = database!("a_reader_keeps_its_snapshot_while_others_write");
    let db = opened(&database.config()).await;
    let (gate, work) = Gate::new();
    let reader = db.clone();
    let counts = queued(async move {
        let counts = reader.read(move |tx| {
            // With its second statement it has a transaction.
            let before = (count(tx)?, count(tx)?);
            work();
            Ok::<_, Error>((before, count(tx)?))
        });
        counts.await.map(|counts| assert_eq!(counts, ((0, 0), 0)))
    });
    gate.begun();
    inserted(&db, 1).await.unwrap();
    assert_eq!(db.read(count).await.unwrap(), 1, "another reader sees the commit");
    gate.go();
    counts.await.unwrap();
}

#[tokio::test]
async fn a_statement_whose_table_was_changed_is_prepared_anew() {
    let database = database!("a_statement_whose_table_was_changed_is_prepared_anew");
    let db = opened(&database.config()).await;
    inserted(&db, 1).await.unwrap();
    let columns = async || {
        let columns = db.read(|tx| Ok::<_, Error>(tx.query("SELECT * FROM item", &[])?[0].clone()));
        columns.await.unwrap().get::<i64>(2).is_ok()
    };
    assert!(!columns().await);
    database.ask("ALTER TABLE item ADD COLUMN more BIGINT NOT NULL DEFAULT 7");
    assert!(columns().await);
}

#[tokio::test]
async fn values_are_typed_by_what_they_are_and_null_by_its_statement() {
    let database = database!("values_are_typed_by_what_they_are_and_null_by_its_statement");
    database.ask("CREATE TABLE wide (n BIGINT, small INT, t TEXT, b BYTEA)");
    let db = opened(&database.config()).await;
    let sql = "INSERT INTO wide VALUES ($1, $2, $3, $4) RETURNING n, small, t, b, n IS NULL";
    let id = Uuid::from_u128(9);
    let rows = db.write(Kind::Request, move |tx| {
        let full = tx.query(sql, &params![i64::MAX, 7_i64, "a", id])?;
        let none = tx.query(sql, &params![None::<i64>, None::<i64>, None::<String>, None::<Uuid>])?;
        Ok::<_, Error>((full[0].clone(), none[0].clone()))
    });
    let (full, none) = rows.await.unwrap();
    assert_eq!((full.get(0).unwrap(), full.get(1).unwrap()), (i64::MAX, 7_i64));
    assert_eq!((full.get::<String>(2).unwrap().as_str(), full.get(3).unwrap()), ("a", id));
    assert!(!full.get::<bool>(4).unwrap() && none.get::<bool>(4).unwrap());
    assert_eq!((none.get::<Option<i64>>(0).unwrap(), none.get::<Option<Uuid>>(3).unwrap()), (None, None));
    let sum = db.read(|tx| tx.query("SELECT $1 - 1, COALESCE(NULL, $1)", &params![1_i64 << 40]));
    assert_eq!(sum.await.map_err(|error: Error| error).unwrap()[0].get::<i64>(0).unwrap(), (1 << 40) - 1);
    let numeric = db.read(|tx| tx.query("SELECT SUM(n) FROM wide", &[])).await;
    assert!(matches!(numeric, Err(Error::Row { index: 0, .. })), "{numeric:?}");
}
