//! How often a transaction waits for the server.

use madang_db::{Db, Error, Kind, Tx, params};

use crate::broken::proxied;
use crate::proxy::Proxy;
use crate::{count, database, inserted};

const INSERT: &str = "INSERT INTO item (id) VALUES ($1)";
const RAISE: &str = "UPDATE item SET version = version + 1 WHERE id = $1";

type Work = fn(&mut Tx<'_>) -> Result<(), Error>;

/// The round trips of a closure that writes, once its statements are prepared.
async fn trips(proxy: &Proxy, db: &Db, work: Work) -> usize {
    let mut trips = 0;
    for _ in 0..2 {
        let before = proxy.trips();
        db.write(Kind::Request, move |tx| {
            work(tx)?;
            tx.send_one("DELETE FROM item WHERE id = $1", &params![7_i64])
        })
        .await
        .unwrap();
        trips = proxy.trips() - before;
    }
    // That of the DELETE, which must be known before the COMMIT, and of the COMMIT.
    trips - 2
}

#[tokio::test]
async fn what_is_sent_travels_with_what_is_asked_next() {
    let database = database!("what_is_sent_travels_with_what_is_asked_next");
    let (proxy, db) = proxied(&database).await;
    inserted(&db, 1).await.unwrap();
    for (work, expected) in [
        ((|tx| tx.send_one(INSERT, &params![7_i64])) as Work, 0),
        (|tx| tx.execute_one(INSERT, &params![7_i64]), 1),
        (
            |tx| {
                tx.send_one(RAISE, &params![1_i64])?;
                tx.send_one(INSERT, &params![7_i64])?;
                assert_eq!(count(tx)?, 2, "it sees what was sent before");
                Ok(())
            },
            1,
        ),
        (
            |tx| {
                count(tx)?;
                (0..50).try_for_each(|_| tx.send_one(RAISE, &params![1_i64]))?;
                tx.execute_one(INSERT, &params![7_i64])
            },
            2,
        ),
        (
            |tx| {
                tx.send_one(INSERT, &params![7_i64])?;
                // More than may wait.
                (0..70).try_for_each(|_| tx.send_one(RAISE, &params![1_i64]))
            },
            1,
        ),
    ] {
        assert_eq!(trips(&proxy, &db, work).await, expected);
    }
    assert_eq!(database.ask("SELECT id, version FROM item"), ["1"]);
    assert_eq!(database.ask("SELECT version FROM item"), ["242"], "each was done, twice as often as asked");
}

#[tokio::test]
async fn an_insert_travels_with_the_commit_and_a_lone_statement_without_one() {
    let database = database!("an_insert_travels_with_the_commit_and_a_lone_statement_without_one");
    let (proxy, db) = proxied(&database).await;
    inserted(&db, 1).await.unwrap();
    let insert = |id: i64| db.write(Kind::Request, move |tx| tx.send_one(INSERT, &params![id]));
    insert(2).await.unwrap();
    let before = proxy.trips();
    insert(3).await.unwrap();
    assert_eq!(proxy.trips() - before, 1, "BEGIN, INSERT and COMMIT");
    let before = proxy.trips();
    let many = |tx: &mut Tx<'_>| (4..104).try_for_each(|id: i64| tx.send_one(INSERT, &params![id]));
    db.write(Kind::Request, many).await.unwrap();
    assert_eq!(proxy.trips() - before, 2, "more than may wait");
    assert_eq!(db.read(count).await.unwrap(), 103);
    let before = proxy.trips();
    assert_eq!(db.read(count).await.unwrap(), 103);
    assert_eq!(proxy.trips() - before, 1);
    let before = proxy.trips();
    assert_eq!(db.read(|tx| Ok::<_, Error>((count(tx)?, count(tx)?))).await.unwrap(), (103, 103));
    assert_eq!(proxy.trips() - before, 4, "alone, then BEGIN and the first, the second, ROLLBACK");
}

#[tokio::test]
async fn a_transaction_that_fails_late_is_undone_and_the_connection_goes_on() {
    let database = database!("a_transaction_that_fails_late_is_undone_and_the_connection_goes_on");
    let (_proxy, db) = proxied(&database).await;
    inserted(&db, 1).await.unwrap();
    // With the COMMIT, with the statement before it, and with a statement that reads.
    let works: [Work; 3] = [
        |tx| tx.send_one(INSERT, &params![1_i64]),
        |tx| {
            tx.send_one(INSERT, &params![1_i64])?;
            tx.send_one(RAISE, &params![1_i64])
        },
        |tx| {
            tx.send_one(INSERT, &params![1_i64])?;
            count(tx).map(drop)
        },
    ];
    for (work, reruns) in works.into_iter().zip(1..) {
        let failed = db.write(Kind::Request, move |tx| {
            tx.send_one(INSERT, &params![2_i64])?;
            work(tx)
        });
        let failed = failed.await;
        assert!(matches!(failed, Err(Error::Sql(_))), "{failed:?}");
        assert_eq!((db.stats().reruns, db.stats().lost_commits), (reruns, 0), "once more, waiting for each");
        assert_eq!(database.ask("SELECT id FROM item"), ["1"]);
        assert_eq!(db.read(count).await.unwrap(), 1);
    }
}
