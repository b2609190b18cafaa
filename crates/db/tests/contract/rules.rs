use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use madang_db::{Db, Dialect, Error, Kind, Tx, params};
use uuid::Uuid;

use crate::homes::Home;
pub(crate) use crate::sent::*;

pub(crate) const INSERT: &str = "INSERT INTO item (id, name) VALUES ($1, $2)";
pub(crate) const RENAME: &str = "UPDATE item SET name = $2 WHERE id = $1 AND name = $3";
const ORPHAN: &str = "INSERT INTO part (item) VALUES (99)";

/// A use case's own error.
#[derive(Debug)]
enum Refusal {
    Rule,
    Db(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Db(error)
    }
}

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    tx.execute(INSERT, &params![id, "new"]).map(drop)
}

pub(crate) async fn inserted(db: &Db, id: i64) -> Result<(), Error> {
    db.write(Kind::Request, move |tx| insert(tx, id)).await
}

pub(crate) async fn ids(db: &Db) -> Vec<i64> {
    let ids = db
        .read(|tx| tx.query("SELECT id FROM item ORDER BY id", &[])?.iter().map(|row| row.get(0)).collect());
    ids.await.map_err(|error: Error| error).unwrap()
}

pub(crate) async fn what_was_written_is_read<H: Home>(home: H) {
    let db = home.open().await;
    let name = db.write(Kind::Request, |tx| {
        assert_eq!(tx.dialect(), H::DIALECT);
        insert(tx, 1)?;
        let row = tx.query_opt("SELECT name FROM item WHERE id = $1", &params![1_i64])?;
        row.map(|row| row.get::<String>(0)).transpose()
    });
    assert_eq!(name.await.unwrap().as_deref(), Some("new"), "a closure reads its own writes");
    assert_eq!(ids(&db).await, [1]);
    let none = db.read(|tx| tx.query_opt("SELECT 1 FROM item WHERE id = 2", &[]));
    assert_eq!(none.await.unwrap(), None);
}

pub(crate) async fn values_come_back_as_they_went_in(home: impl Home) {
    let db = home.open().await;
    let id = Uuid::from_u128(0x31_32_33);
    let back = db.write(Kind::Request, move |tx| {
        let sql = "INSERT INTO item (id, name, data) VALUES ($1, $2, $3) RETURNING id, name, data";
        let row = tx.query_opt(sql, &params![i64::MIN, None::<String>, id])?.ok_or(Error::Conflict)?;
        Ok::<_, Error>((row.get::<i64>(0)?, row.get::<Option<String>>(1)?, row.get::<Uuid>(2)?))
    });
    assert_eq!(back.await.unwrap(), (i64::MIN, None, id));
    let digits = db.write(Kind::Request, |tx| {
        tx.execute("UPDATE item SET data = $1", &params![&b"42"[..]])?;
        tx.query_opt("SELECT data FROM item", &[])?.ok_or(Error::Conflict)?.get::<Vec<u8>>(0)
    });
    assert_eq!(digits.await.unwrap(), b"42", "bytes stay bytes in BYTEA, digits too");
}

pub(crate) async fn placeholders_are_bound_by_number(home: impl Home) {
    let db = home.open().await;
    let row = db.read(|tx| tx.query_opt("SELECT $2, $1, '$3', $2", &params![1_i64, 2_i64]));
    let row = row.await.map_err(|error: Error| error).unwrap().unwrap();
    assert_eq!([row.get::<i64>(0).unwrap(), row.get(1).unwrap(), row.get(3).unwrap()], [2, 1, 2]);
    assert_eq!(row.get::<String>(2).unwrap(), "$3", "a literal is no placeholder");
}

pub(crate) async fn values_must_match_the_placeholders(home: impl Home) {
    let db = home.open().await;
    for sql in ["SELECT $1", "SELECT $1, $2, $3", "SELECT $1, $3", "SELECT ?1, ?2", "SELECT $0, $1"] {
        let result = db.read(move |tx| tx.query(sql, &params![1_i64, 2_i64])).await;
        assert!(matches!(result, Err(Error::Sql(_))), "{sql}: {result:?}");
    }
}

pub(crate) async fn an_error_rolls_back_its_own_closure_alone(home: impl Home) {
    let db = home.open().await;
    let refused = db.write(Kind::Request, |tx| {
        insert(tx, 2)?;
        Err::<(), _>(Refusal::Rule)
    });
    let (first, refused, last) = tokio::join!(inserted(&db, 1), refused, inserted(&db, 3));
    assert!(matches!(refused, Err(Refusal::Rule)));
    first.and(last).unwrap();
    assert_eq!(ids(&db).await, [1, 3]);
    assert_eq!(db.stats().rolled_back, 1);
    let meter = db.meter();
    let (commits, written) = (meter.commits(), db.stats().written_groups);
    assert_eq!((commits.count(), meter.group_sizes().count()), (written, db.stats().groups));
    assert!(commits.sum > 0.0, "{commits:?}");
    assert_eq!((meter.transactions(Some(Kind::Lease)).count(), meter.queued()), (0, (0, 0)));
    assert!(meter.transactions(Some(Kind::Request)).count() > 0);
    assert!(meter.transactions(None).count() > 0);
}

pub(crate) async fn a_panic_rolls_back_its_own_closure_alone(home: impl Home) {
    let db = home.open().await;
    let panicking = db.write(Kind::Request, |tx| {
        insert(tx, 2)?;
        if tx.query_opt("SELECT 1 FROM item WHERE id = 2", &[])?.is_some() {
            panic!("this panic belongs to a test");
        }
        Ok::<_, Error>(())
    });
    let (first, panicked, last) = tokio::join!(inserted(&db, 1), panicking, inserted(&db, 3));
    assert!(matches!(panicked, Err(Error::Panicked)));
    first.and(last).unwrap();
    assert_eq!(ids(&db).await, [1, 3]);
}

pub(crate) async fn an_ignored_failed_statement_fails_the_closure(home: impl Home) {
    let db = home.open().await;
    inserted(&db, 1).await.unwrap();
    let careless = db.write(Kind::Request, |tx| {
        insert(tx, 2)?;
        drop(insert(tx, 1));
        assert!(matches!(insert(tx, 3), Err(Error::Sql(_))), "the transaction has failed");
        Ok::<_, Error>(())
    });
    assert!(matches!(careless.await, Err(Error::Sql(_))));
    assert_eq!(ids(&db).await, [1]);
}

pub(crate) async fn a_broken_constraint_is_no_passing_error(home: impl Home) {
    let db = home.open().await;
    inserted(&db, 1).await.unwrap();
    let error = inserted(&db, 1).await.unwrap_err();
    assert!(matches!(error, Error::Sql(_)) && !error.retryable());
}

/// Renames item 1 with a wrong guard for the first `conflicts` runs.
async fn renamed(db: &Db, conflicts: usize) -> (Result<(), Error>, usize) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let result = db.write(Kind::Request, move |tx| {
        let guard = if counted.fetch_add(1, Ordering::SeqCst) < conflicts { "other" } else { "new" };
        insert(tx, 2)?;
        tx.execute_one(RENAME, &params![1_i64, "renamed", guard])
    });
    (result.await, runs.load(Ordering::SeqCst))
}

pub(crate) async fn a_conflict_runs_the_closure_again(home: impl Home) {
    let db = home.open().await;
    inserted(&db, 1).await.unwrap();
    let (result, runs) = renamed(&db, 2).await;
    result.unwrap();
    assert_eq!((runs, db.stats().reruns), (3, 2));
    assert_eq!(ids(&db).await, [1, 2], "each run begins with a clean transaction");
}

pub(crate) async fn a_lasting_conflict_reaches_the_caller(home: impl Home) {
    let db = home.open().await;
    inserted(&db, 1).await.unwrap();
    let (result, runs) = renamed(&db, usize::MAX).await;
    assert!(matches!(result, Err(Error::Conflict)));
    assert_eq!(runs, 4);
    assert_eq!(ids(&db).await, [1]);
}

pub(crate) async fn a_handled_conflict_stands(home: impl Home) {
    let db = home.open().await;
    let missing = db.write(Kind::Request, |tx| {
        insert(tx, 1)?;
        match tx.execute_one(RENAME, &params![7_i64, "renamed", "new"]) {
            Err(Error::Conflict) => Ok(true),
            other => other.map(|()| false),
        }
    });
    assert!(missing.await.unwrap());
    assert_eq!((ids(&db).await, db.stats().reruns), (vec![1], 0));
}

pub(crate) async fn a_reader_cannot_write(home: impl Home) {
    let db = home.open().await;
    assert!(matches!(db.read(|tx| insert(tx, 1)).await, Err(Error::Sql(_))));
    assert!(ids(&db).await.is_empty(), "and the reader goes on");
}

pub(crate) async fn a_raise_follows_the_commit(home: impl Home) {
    let db = home.open().await;
    let mut raised = db.raised();
    raised.mark_unchanged();
    let write = db.write(Kind::OrderPath, |tx| {
        insert(tx, 1)?;
        tx.raise();
        Ok::<_, Error>(())
    });
    let seen = async {
        raised.changed().await.unwrap();
        ids(&db).await
    };
    let (written, seen) = tokio::join!(write, seen);
    written.unwrap();
    assert_eq!(seen, [1]);
}

pub(crate) async fn a_raise_of_a_failed_closure_is_lost(home: impl Home) {
    let db = home.open().await;
    let raised = db.raised();
    let refused = db.write(Kind::OrderPath, |tx| {
        insert(tx, 1)?;
        tx.raise();
        Err::<(), _>(Refusal::Rule)
    });
    let (refused, kept) = tokio::join!(refused, inserted(&db, 2));
    kept.unwrap();
    assert!(refused.is_err() && !raised.has_changed().unwrap());
}

/// Runs a closure that breaks the group's transaction. Its own answer is never a success, another's is
/// true, and the executor goes on.
async fn broken(db: Db, sql: &'static str) {
    inserted(&db, 1).await.unwrap();
    let breaking = db.write(Kind::Request, move |tx| {
        insert(tx, 2)?;
        tx.execute(sql, &[])?;
        Ok::<_, Refusal>(())
    });
    let (before, breaking, after) = tokio::join!(inserted(&db, 3), breaking, inserted(&db, 4));
    assert!(matches!(breaking, Err(Refusal::Db(Error::Unavailable(_)))), "{sql}: {breaking:?}");
    inserted(&db, 5).await.unwrap();
    let ids = ids(&db).await;
    for (id, answer) in [(3, before), (4, after)] {
        let unknown = matches!(answer, Err(Error::Unavailable(_)));
        assert!(unknown || (answer.is_ok() && ids.contains(&id)), "{sql}: {id} {answer:?}");
    }
    assert!(ids.contains(&5) && db.stats().failed_groups == 1);
}

pub(crate) async fn a_closure_that_commits_fails_the_group(home: impl Home) {
    broken(home.open().await, "COMMIT").await;
}

pub(crate) async fn a_closure_that_rolls_back_fails_the_group<H: Home>(home: H) {
    broken(home.open().await, "ROLLBACK").await;
    if H::DIALECT == Dialect::Postgres {
        return;
    }
    let db = home.open().await;
    db.write(Kind::Request, |tx| tx.execute("DELETE FROM item", &[])).await.unwrap();
    broken(db, "INSERT OR ROLLBACK INTO item (id) VALUES (1)").await;
}

pub(crate) async fn a_failed_commit_fails_the_group(home: impl Home) {
    broken(home.open().await, ORPHAN).await;
}

pub(crate) async fn committed_closures_are_counted_by_kind(home: impl Home) {
    let db = home.open().await;
    for (id, kind) in (0..).zip(Kind::ALL) {
        db.write(kind, move |tx| insert(tx, id)).await.unwrap();
    }
    let refused = db.write(Kind::Relay, |_| Err::<(), _>(Refusal::Rule)).await;
    assert!(refused.is_err());
    assert!(Kind::ALL.iter().all(|kind| db.stats().committed(*kind) == 1), "{:?}", db.stats());
}

pub(crate) async fn a_group_that_writes_nothing_is_told_apart(home: impl Home) {
    let db = home.open().await;
    db.write(Kind::Request, |tx| tx.query("SELECT id FROM item", &[])).await.unwrap();
    assert_eq!((db.stats().groups, db.stats().written_groups), (1, 0));
    inserted(&db, 1).await.unwrap();
    assert_eq!((db.stats().groups, db.stats().written_groups), (2, 1));
}

pub(crate) async fn what_was_committed_is_there_after_reopening(home: impl Home) {
    let db = home.open().await;
    let other = db.clone();
    inserted(&db, 1).await.unwrap();
    drop(db);
    inserted(&other, 2).await.unwrap();
    drop(other);
    assert_eq!(ids(&home.open().await).await, [1, 2]);
}

pub(crate) async fn a_caller_that_gives_up_harms_no_other(home: impl Home) {
    let db = home.open().await;
    {
        let mut given_up = pin!(inserted(&db, 1));
        drop(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    }
    inserted(&db, 2).await.unwrap();
    assert!(ids(&db).await.contains(&2));
}
