//! A server that stands still: no socket closes, no answer comes.

use std::time::Duration;

use madang_db::{Db, Error, Kind, OpenError};
use tokio::time::{Instant, timeout};

use crate::restart::unavailable;
use crate::server::Server;
use crate::{at_once, config, count, database, insert, inserted, opened, until};

/// The server's time-out for a statement, and what is allowed beyond it.
const STATEMENT: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(3);
/// For a machine that is busy.
const SLACK: Duration = Duration::from_secs(3);

fn url(server: &Server) -> String {
    format!("{}?connect_timeout=2&options=-c%20statement_timeout%3D{}", server.url(), STATEMENT.as_millis())
}

/// Many callers at once, more than there are connections: all are told, none waits for another's wait.
async fn all_unavailable(db: &Db, within: Duration) {
    let began = Instant::now();
    let writes: tokio::task::JoinSet<_> = (0..40)
        .map(|id| {
            let db = db.clone();
            async move { inserted(&db, 100 + id).await }
        })
        .collect();
    for answer in timeout(within, writes.join_all()).await.expect("each is told in time") {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert!(began.elapsed() < within);
}

#[tokio::test]
async fn a_server_that_stands_still_is_unavailable_within_a_bound_and_work_goes_on_with_it() {
    drop(database!("a_server_that_stands_still_is_unavailable_within_a_bound"));
    let server = Server::new();
    let db = opened(&config(&url(&server))).await;
    inserted(&db, 1).await.unwrap();

    server.freeze();
    all_unavailable(&db, STATEMENT + GRACE + SLACK).await;
    // Now it is known: at once, or after one attempt to connect.
    unavailable(&db, SLACK).await;
    let began = Instant::now();
    let refused = Db::open(&at_once(config(&url(&server))), vec![]).await;
    assert!(matches!(refused, Err(OpenError::Unreachable { .. })), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(2) + SLACK);

    server.thaw();
    until("work goes on", async || inserted(&db, 2).await.is_ok()).await;
    let (first, second) = tokio::join!(inserted(&db, 3), inserted(&db, 4));
    first.and(second).unwrap();
    assert_eq!(db.read(count).await.unwrap(), 4, "what was refused before it began never happened");
}

#[tokio::test]
async fn a_closure_that_the_server_stops_under_is_told_and_what_it_did_is_undone() {
    drop(database!("a_closure_that_the_server_stops_under_is_told_and_what_it_did_is_undone"));
    let server = std::sync::Arc::new(Server::new());
    let db = opened(&config(&url(&server))).await;
    let freezing = std::sync::Arc::clone(&server);
    let began = Instant::now();
    let write = db.write(Kind::OrderPath, move |tx| {
        insert(tx, 1)?;
        freezing.freeze();
        insert(tx, 2)
    });
    let answer = timeout(STATEMENT + GRACE + SLACK, write).await.expect("it is told in time");
    assert!(matches!(&answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(began.elapsed() >= STATEMENT, "not before the server itself would have ended it");
    server.thaw();
    until("work goes on", async || matches!(db.read(count).await, Ok(0))).await;
}

#[tokio::test]
async fn the_last_handle_goes_while_the_server_stands_still() {
    drop(database!("the_last_handle_goes_while_the_server_stands_still"));
    let server = Server::new();
    let db = opened(&config(&url(&server))).await;
    let raise = db.write(Kind::OrderPath, |tx| {
        tx.raise();
        insert(tx, 1)
    });
    raise.await.unwrap();
    server.freeze();
    let began = Instant::now();
    drop(db);
    assert!(began.elapsed() < STATEMENT + GRACE + SLACK, "{:?}", began.elapsed());
}
