//! What becomes of closures and sessions when the last handle goes.

use madang_db::{Error, Kind};

use crate::limits::{Gate, held, of, queued};
use crate::{database, insert, inserted, opened, until};
use madang_db::testing::OnPostgres;

async fn no_session_is_left(database: &OnPostgres) {
    until("the server sees the sessions' end", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        database.ask(sql) == ["1"]
    })
    .await;
}

#[tokio::test]
async fn no_session_stays_once_the_last_handle_is_gone() {
    let database = database!("no_session_stays_once_the_last_handle_is_gone");
    let db = opened(&database.config()).await;
    let raise = db.write(Kind::Request, |tx| {
        tx.raise();
        insert(tx, 1)
    });
    raise.await.unwrap();
    drop(db);
    no_session_is_left(&database).await;
}

#[tokio::test]
async fn dropping_the_last_handle_runs_what_is_queued() {
    let database = database!("dropping_the_last_handle_runs_what_is_queued");
    let db = opened(&of(&database, 1)).await;
    let (gate, held) = held(&db, 1);
    let other = db.clone();
    let given_up = queued(async move { inserted(&other, 1).await });
    drop((held, given_up));
    gate.go();
    drop(db);
    assert_eq!(database.ask("SELECT id FROM item"), ["1"]);
}

#[tokio::test]
async fn a_closure_may_hold_the_last_handle() {
    let database = database!("a_closure_may_hold_the_last_handle");
    let db = opened(&database.config()).await;
    let (gate, work) = Gate::new();
    let (inner, other) = (db.clone(), db.clone());
    let given_up = queued(async move {
        let write = other.write(Kind::Request, move |tx| {
            work();
            let _inner = &inner;
            insert(tx, 1)
        });
        write.await.map_err(|error: Error| error)
    });
    gate.begun();
    drop((given_up, db));
    gate.go();
    no_session_is_left(&database).await;
    assert_eq!(database.ask("SELECT id FROM item"), ["1"]);
}
