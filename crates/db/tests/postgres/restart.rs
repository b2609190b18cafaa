//! A server that goes and comes back: one of the test's own.

use std::time::Duration;

use madang_db::{Db, Error};
use tokio::time::{Instant, timeout};

use crate::server::Server;
use crate::{config, count, database, inserted, opened, until};

/// A write and a read are refused, both in time.
pub(crate) async fn unavailable(db: &Db, within: Duration) {
    let began = Instant::now();
    let (write, read) = tokio::join!(inserted(db, 99), db.read(count));
    assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(began.elapsed() < within, "{:?}", began.elapsed());
}

#[tokio::test]
async fn work_waits_for_a_server_that_restarts_is_refused_by_one_that_is_gone_and_goes_on_with_it() {
    drop(database!("work_waits_for_a_server_that_restarts_is_refused_by_one_that_is_gone"));
    let server = Server::new();
    let db = opened(&config(&server.url())).await;
    inserted(&db, 1).await.unwrap();

    server.stop();
    let waiting = db.clone();
    let waiting = async move { timeout(Duration::from_secs(10), inserted(&waiting, 2)).await.unwrap() };
    let (waited, ()) = tokio::join!(waiting, async { server.start() });
    waited.expect("a short restart is waited for");

    server.stop();
    unavailable(&db, Duration::from_secs(8)).await;
    for _ in 0..3 {
        unavailable(&db, Duration::from_secs(2)).await;
    }
    server.start();
    until("work goes on", async || inserted(&db, 3).await.is_ok()).await;
    assert_eq!(db.read(count).await.unwrap(), 3, "what was answered is there, and what was refused is not");
}
