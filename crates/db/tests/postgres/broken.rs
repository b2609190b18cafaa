//! Connections that break before, in and after a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use madang_db::{Db, Error, Kind, Tx, params};

use crate::proxy::{Loss, Proxy};
use crate::{config, count, database, insert, inserted, opened};
use madang_db::testing::{OnPostgres, ask};

/// Ends the closure's own session, from another.
fn kill_own(tx: &mut Tx<'_>, url: &str) -> Result<(), Error> {
    let pid: i64 = tx.query("SELECT pg_backend_pid()", &[])?[0].get(0)?;
    ask(url, &format!("SELECT pg_terminate_backend({pid}, 5000)"));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_transaction_runs_the_closure_again() {
    let database = database!("a_connection_that_breaks_in_a_transaction_runs_the_closure_again");
    let db = opened(&database.config()).await;
    let (runs, url) = (Arc::new(AtomicUsize::new(0)), database.url());
    let counted = Arc::clone(&runs);
    let write = db.write(Kind::OrderPath, move |tx| {
        insert(tx, 1)?;
        if counted.fetch_add(1, Ordering::SeqCst) < 2 {
            kill_own(tx, &url)?;
        }
        insert(tx, 2)
    });
    write.await.unwrap();
    assert_eq!((runs.load(Ordering::SeqCst), db.stats().reruns), (3, 2));
    assert_eq!(db.read(count).await.unwrap(), 2, "what the broken runs did is undone");
    assert_eq!(db.stats().committed(Kind::OrderPath), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_read_runs_it_again() {
    let database = database!("a_connection_that_breaks_in_a_read_runs_it_again");
    let db = opened(&database.config()).await;
    let (runs, url) = (AtomicUsize::new(0), database.url());
    let read = db.read(move |tx| {
        if runs.fetch_add(1, Ordering::SeqCst) == 0 {
            kill_own(tx, &url)?;
        }
        count(tx)
    });
    assert_eq!(read.await.unwrap(), 0);
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_unavailable_within_a_bound() {
    let database = database!("a_connection_that_always_breaks_is_unavailable_within_a_bound");
    let db = opened(&database.config()).await;
    let url = database.url();
    let write = db.write(Kind::Request, move |tx| {
        insert(tx, 1)?;
        kill_own(tx, &url)?;
        insert(tx, 2)
    });
    let result = tokio::time::timeout(Duration::from_secs(10), write).await.unwrap();
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert_eq!((db.stats().reruns, db.stats().failed_groups), (5, 1));
    assert_eq!(db.read(count).await.unwrap(), 0);
}

#[tokio::test]
async fn connections_that_break_between_transactions_are_made_anew() {
    let database = database!("connections_that_break_between_transactions_are_made_anew");
    let db = opened(&database.config()).await;
    for id in 0..5 {
        assert!(database.kill("") >= 1);
        inserted(&db, id).await.unwrap();
        database.kill("");
        assert_eq!(db.read(count).await.unwrap(), id + 1);
    }
    assert_eq!(db.stats().lost_commits, 0);
}

/// Makes item 1, or finds that it is there: begins with its look-up, as a closure must.
async fn made(db: &Db, runs: &Arc<AtomicUsize>) -> &'static str {
    let counted = Arc::clone(runs);
    let made = db.write(Kind::OrderPath, move |tx| {
        counted.fetch_add(1, Ordering::SeqCst);
        if tx.query_opt("SELECT 1 FROM item WHERE id = $1", &params![1_i64])?.is_some() {
            return Ok("found");
        }
        insert(tx, 1)?;
        tx.raise();
        Ok::<_, Error>("made")
    });
    made.await.unwrap()
}

/// The database by way of a proxy.
pub(crate) async fn proxied(database: &OnPostgres) -> (Proxy, Db) {
    let address = database.url().split_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
    let proxy = Proxy::before(&address);
    let db = opened(&config(&proxy.url(&database.url()))).await;
    (proxy, db)
}

async fn lost(database: &OnPostgres, loss: Loss) -> (&'static str, usize) {
    let (proxy, db) = proxied(database).await;
    let mut raised = db.raised();
    raised.mark_unchanged();
    let runs = Arc::new(AtomicUsize::new(0));
    proxy.lose(loss);
    let answer = made(&db, &runs).await;
    let stats = db.stats();
    assert_eq!((stats.lost_commits, stats.committed(Kind::OrderPath), stats.failed_groups), (1, 1, 0));
    assert_eq!(database.ask("SELECT count(*) FROM item"), ["1"]);
    (answer, runs.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_lost_answer_to_commit_runs_the_closure_again_and_it_finds_its_own_row() {
    let database = database!("a_lost_answer_to_commit_runs_the_closure_again_and_it_finds_its_own_row");
    assert_eq!(lost(&database, Loss::Answer).await, ("found", 2));
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_made_by_the_second_run() {
    let database = database!("a_commit_that_never_arrived_is_made_by_the_second_run");
    assert_eq!(lost(&database, Loss::Commit).await, ("made", 2));
}

#[tokio::test]
async fn what_was_sent_with_a_begin_that_fails_counts_for_nothing() {
    let database = database!("what_was_sent_with_a_begin_that_fails_counts_for_nothing");
    let (proxy, db) = proxied(&database).await;
    let runs = Arc::new(AtomicUsize::new(0));
    proxy.lose(Loss::Begin);
    assert_eq!((made(&db, &runs).await, runs.load(Ordering::SeqCst)), ("made", 2), "it looked, and again");
    proxy.lose(Loss::Begin);
    inserted(&db, 2).await.unwrap();
    proxy.lose(Loss::Begin);
    assert_eq!(db.read(|tx| Ok::<_, Error>((count(tx)?, count(tx)?))).await.unwrap(), (2, 2));
    let stats = db.stats();
    assert_eq!((stats.reruns, stats.lost_commits, stats.failed_groups), (3, 0, 0));
}

#[tokio::test]
async fn a_closure_that_asks_nothing_of_the_server_has_no_transaction() {
    let database = database!("a_closure_that_asks_nothing_of_the_server_has_no_transaction");
    let (proxy, db) = proxied(&database).await;
    proxy.lose(Loss::Commit);
    db.write(Kind::Request, |_| Ok::<_, Error>(())).await.unwrap();
    db.read(|_| Ok::<_, Error>(())).await.unwrap();
    assert_eq!(db.stats().lost_commits, 0);
    inserted(&db, 1).await.unwrap();
    assert_eq!(db.stats().lost_commits, 1, "the first COMMIT of all");
}
