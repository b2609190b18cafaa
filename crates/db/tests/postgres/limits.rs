//! Time-outs, the number of connections, the queue.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use madang_db::{Config, Db, Error, Kind, Synchronous, Tx, params};
use tokio::time::{Instant, timeout};

use crate::{config, count, database, insert, inserted, opened, until};
use madang_db::testing::OnPostgres;

const LOCK: &str = "UPDATE item SET version = version + 1 WHERE id = $1";

/// Settings of the session by the URL.
fn with(database: &OnPostgres, options: &str) -> Config {
    config(&format!("{}?options={}", database.url(), options.replace(' ', "%20").replace('=', "%3D")))
}

/// With so many connections at most.
pub(crate) fn of(database: &OnPostgres, connections: u16) -> Config {
    let mut config = database.config();
    config.connections = connections;
    config
}

/// A closure's work that says when it has begun, and ends when it is told to.
pub(crate) struct Gate {
    begun: Receiver<()>,
    go: Sender<()>,
}

impl Gate {
    pub(crate) fn new() -> (Self, impl Fn() + Send + 'static) {
        let ((begin, begun), (go, wait)) = (channel(), channel());
        let wait = Mutex::new(wait);
        let work = move || {
            begin.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        };
        (Self { begun, go }, work)
    }

    pub(crate) fn begun(&self) {
        self.begun.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    pub(crate) fn go(&self) {
        self.go.send(()).unwrap();
    }
}

type Pending = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Polls once, which queues the closure.
pub(crate) fn queued(future: impl Future<Output = Result<(), Error>> + 'static) -> Pending {
    let mut future: Pending = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    future
}

/// A closure that holds its connection, and the row with this id, until it is told to end.
pub(crate) fn held(db: &Db, id: i64) -> (Gate, Pending) {
    let (gate, work) = Gate::new();
    let db = db.clone();
    let held = queued(async move {
        db.write(Kind::Request, move |tx| {
            tx.execute(LOCK, &params![id])?;
            work();
            Ok::<_, Error>(())
        })
        .await
    });
    gate.begun();
    (gate, held)
}

#[tokio::test]
async fn every_session_has_its_time_outs() {
    let database = database!("every_session_has_its_time_outs");
    let db = opened(&database.config()).await;
    let settings = |tx: &mut Tx<'_>| {
        let row = tx.query(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
             current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_read_only'),
             current_setting('transaction_isolation')",
            &[],
        )?;
        (0..5).map(|index| row[0].get::<String>(index)).collect::<Result<Vec<_>, Error>>()
    };
    let several = db.read(move |tx| count(tx).and_then(|_| settings(tx)));
    assert_eq!(several.await.unwrap(), ["10s", "3s", "10s", "on", "repeatable read"]);
    let one = db.read(settings);
    assert_eq!(one.await.unwrap(), ["10s", "3s", "10s", "on", "read committed"], "a snapshot of its own");
    let isolation = db.write(Kind::Request, |tx| {
        tx.query("SELECT current_setting('transaction_isolation')", &[])?[0].get::<String>(0)
    });
    assert_eq!(isolation.await.unwrap(), "read committed");
    let mut careless = database.config();
    careless.synchronous = Synchronous::Off;
    let control = opened(&careless).await;
    for (db, setting) in [(db, "on"), (control, "off")] {
        let found = db.read(|tx| tx.query("SELECT current_setting('synchronous_commit')", &[])?[0].get(0));
        let found: Result<String, Error> = found.await;
        assert_eq!(found.unwrap(), setting);
    }
}

#[tokio::test]
async fn who_waits_too_long_for_a_lock_is_told_and_the_holder_goes_on() {
    let database = database!("who_waits_too_long_for_a_lock_is_told_and_the_holder_goes_on");
    let db = opened(&with(&database, "-c lock_timeout=200")).await;
    inserted(&db, 1).await.unwrap();
    let (gate, held) = held(&db, 1);
    let began = Instant::now();
    let refused = db.write(Kind::Request, |tx| tx.execute_one(LOCK, &params![1_i64])).await;
    assert!(matches!(&refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    gate.go();
    held.await.unwrap();
    db.write(Kind::Request, |tx| tx.execute_one(LOCK, &params![1_i64])).await.unwrap();
    assert_eq!(database.ask("SELECT version FROM item"), ["2"]);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let database = database!("a_statement_that_takes_too_long_is_ended");
    let db = opened(&with(&database, "-c statement_timeout=200")).await;
    let slow = timeout(Duration::from_secs(5), db.read(|tx| tx.query("SELECT pg_sleep(60)", &[])));
    assert!(matches!(slow.await.unwrap(), Err(Error::Unavailable(_))));
    assert_eq!(db.read(count).await.unwrap(), 0, "the connection goes on");
}

#[tokio::test]
async fn a_closure_that_stops_in_its_transaction_is_run_again() {
    let database = database!("a_closure_that_stops_in_its_transaction_is_run_again");
    let db = opened(&with(&database, "-c idle_in_transaction_session_timeout=100")).await;
    let first = Mutex::new(true);
    let stops = db.write(Kind::Request, move |tx| {
        insert(tx, 1)?;
        if std::mem::take(&mut *first.lock().unwrap()) {
            std::thread::sleep(Duration::from_millis(500));
        }
        count(tx)
    });
    assert_eq!((stops.await.unwrap(), db.stats().reruns), (1, 1));
}

#[tokio::test]
async fn the_pool_grows_with_need_and_to_its_limit() {
    let database = database!("the_pool_grows_with_need_and_to_its_limit");
    let db = opened(&of(&database, 2)).await;
    let sessions = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'";
        database.ask(sql)[0].clone()
    };
    for id in 1..=3 {
        inserted(&db, id).await.unwrap();
    }
    assert_eq!(sessions(), "1", "one after the other needs one connection");
    let (first, second) = (held(&db, 1), held(&db, 2));
    let third = db.clone();
    let mut third =
        queued(async move { third.write(Kind::Request, |tx| tx.execute_one(LOCK, &params![3_i64])).await });
    assert_eq!(sessions(), "2");
    assert!(third.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for (gate, held) in [first, second] {
        gate.go();
        held.await.unwrap();
    }
    third.await.unwrap();
    // A question's own session ends a little later on a machine that is busy.
    until("two connections serve three", async || sessions() == "2").await;
}

/// As many rows to insert as the queue holds, from 1.
fn full(db: &Arc<Db>) -> Vec<Pending> {
    let insert = |id| {
        let db = Arc::clone(db);
        queued(async move { inserted(&db, id).await })
    };
    (1..=1024).map(insert).collect()
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let database = database!("a_full_queue_refuses_at_once");
    let db = Arc::new(opened(&of(&database, 1)).await);
    inserted(&db, 0).await.unwrap();
    let (gate, held) = held(&db, 0);
    let waiting = full(&db);
    let mut refused = Box::pin(inserted(&db, 2000));
    let answer = refused.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(Err(Error::Overloaded))));
    let read = db.read(count).await;
    assert!(matches!(read, Err(Error::Overloaded)), "reads and writes share the queue");
    assert_eq!(db.stats().overloaded, 2);
    gate.go();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(db.read(count).await.unwrap(), 1025);
}

#[tokio::test]
async fn a_beat_goes_before_all_that_waits_and_no_full_queue_refuses_it() {
    let database = database!("a_beat_goes_before_all_that_waits_and_no_full_queue_refuses_it");
    let db = Arc::new(opened(&of(&database, 1)).await);
    inserted(&db, 0).await.unwrap();
    let (gate, held) = held(&db, 0);
    let waiting = full(&db);
    let mut beat = Box::pin(db.write(Kind::Lease, count));
    assert!(beat.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.go();
    held.await.unwrap();
    assert_eq!(beat.await.unwrap(), 1, "rows that were there when it ran, of 1025");
    for write in waiting {
        write.await.unwrap();
    }
}

#[tokio::test]
async fn what_needs_many_closures_is_refused_while_one_waits_long() {
    let database = database!("what_needs_many_closures_is_refused_while_one_waits_long");
    let db = opened(&of(&database, 1)).await;
    inserted(&db, 0).await.unwrap();
    let (gate, held) = held(&db, 0);
    db.admit(Duration::ZERO).unwrap();
    let waits = db.clone();
    let waits = queued(async move { inserted(&waits, 1).await });
    db.admit(Duration::from_secs(60)).unwrap();
    until("it has waited", async || matches!(db.admit(Duration::from_millis(50)), Err(Error::Overloaded)))
        .await;
    assert!(db.stats().overloaded > 0);
    gate.go();
    held.await.unwrap();
    waits.await.unwrap();
    db.admit(Duration::ZERO).unwrap();
}

#[tokio::test]
async fn a_pool_that_cannot_grow_serves_with_what_it_has() {
    let database = database!("a_pool_that_cannot_grow_serves_with_what_it_has");
    let (name, _) = (database.name().to_owned(), opened(&database.config()).await);
    database.ask(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'secret' CONNECTION LIMIT 3; GRANT ALL ON item TO {name}"
    ));
    let url = database.url().replace("//madang:madang@", &format!("//{name}:secret@"));
    let db = Db::open(&config(&url), vec![]).await.unwrap();
    let writes: Vec<_> = (0..40)
        .map(|id| {
            let db = db.clone();
            queued(async move { inserted(&db, id).await })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(db.read(count).await.unwrap(), 40);
    drop(db);
    database.ask(&format!("REVOKE ALL ON item FROM {name}; DROP ROLE {name}"));
}
