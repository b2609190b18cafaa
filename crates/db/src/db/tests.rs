//! What only the executor on threads has: queues, groups of waiting closures, snapshots beside writes.

use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::config::Limits;
use crate::params;

const AMPLE: Limits = Limits { queue: 1024, closures: 512, work: Duration::MAX };

async fn open(limits: Limits) -> (TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = reopen(&folder, limits).await;
    (folder, db)
}

async fn reopen(folder: &TempDir, limits: Limits) -> Db {
    let config = Config { limits, ..Config::sqlite(folder.path().join("a.db")) };
    let init =
        refinery::Migration::unapplied("V1__init", "CREATE TABLE item (id BIGINT PRIMARY KEY)").unwrap();
    let runner = refinery::Runner::new(&[init]);
    Db::open(&config, vec![Migrations { table: "test_history", runner }]).await.unwrap()
}

fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), Error> {
    tx.execute("INSERT INTO item (id) VALUES ($1)", &params![id]).map(drop)
}

fn count(tx: &mut Tx<'_>) -> Result<i64, Error> {
    tx.query("SELECT count(*) FROM item", &[])?[0].get(0)
}

/// A closure's work that says when it has begun, and ends when it is told to.
struct Gate {
    begun: Receiver<()>,
    go: Sender<()>,
}

impl Gate {
    fn new() -> (Self, impl Fn() + Send + 'static) {
        let ((begin, begun), (go, wait)) = (channel(), channel());
        let wait = Mutex::new(wait);
        let work = move || {
            begin.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        };
        (Self { begun, go }, work)
    }
}

fn poll<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A future that writes, queued behind a closure that holds the writer.
macro_rules! queued {
    ($future:expr) => {{
        let mut future = Box::pin($future);
        assert!(poll(&mut future.as_mut()).is_pending());
        future
    }};
}

/// Queues `writes` inserts while the writer is held by a closure, which is a group's first member.
async fn inserted_behind_a_gate(db: &Db, writes: i64) {
    let (gate, work) = Gate::new();
    let held = queued!(db.write(Kind::Request, move |_| {
        work();
        Ok::<_, Error>(())
    }));
    gate.begun.recv().unwrap();
    let waiting: Vec<_> =
        (0..writes).map(|id| queued!(db.write(Kind::OrderPath, move |tx| insert(tx, id)))).collect();
    gate.go.send(()).unwrap();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
}

#[tokio::test]
async fn closures_that_wait_share_one_commit() {
    let (_folder, db) = open(AMPLE).await;
    inserted_behind_a_gate(&db, 100).await;
    assert_eq!((db.stats().groups, db.stats().committed(Kind::OrderPath)), (1, 100));
    let meter = db.meter();
    assert_eq!(meter.transactions(Some(Kind::OrderPath)).count(), 100);
    assert_eq!(meter.transactions(Some(Kind::Relay)).count(), 0);
    let (commits, sizes) = (meter.commits(), meter.group_sizes());
    assert!((commits.count(), commits.sum > 0.0) == (1, true), "{commits:?}");
    assert_eq!(
        (sizes.count(), sizes.sum, sizes.buckets[7]),
        (1, 101.0, (128.0, 1)),
        "the gate's closure is one"
    );
    db.read(count).await.unwrap();
    assert_eq!((meter.transactions(None).count(), meter.commits().count()), (1, 1), "a read commits nothing");
}

#[tokio::test]
async fn a_patient_closure_shares_the_commit_of_another() {
    let (_folder, db) = open(AMPLE).await;
    let later = |wait| Instant::now() + wait;
    let patient = queued!(db.write_by(later(Duration::from_hours(1)), Kind::Relay, |tx| insert(tx, 1)));
    db.write(Kind::OrderPath, |tx| insert(tx, 2)).await.unwrap();
    patient.await.unwrap();
    assert_eq!((db.stats().written_groups, db.read(count).await.unwrap()), (1, 2));
    db.write_by(later(Duration::from_millis(10)), Kind::Relay, |tx| insert(tx, 3)).await.unwrap();
    assert_eq!(db.stats().written_groups, 2, "no other came");
}

#[tokio::test]
async fn a_group_ends_at_its_number_of_closures() {
    let (_folder, db) = open(Limits { closures: 10, ..AMPLE }).await;
    inserted_behind_a_gate(&db, 29).await;
    assert_eq!(db.stats().groups, 3, "the gate and 29 inserts, by tens");
}

#[tokio::test]
async fn a_group_ends_when_its_work_is_done_long_enough() {
    let (_folder, db) = open(Limits { work: Duration::ZERO, ..AMPLE }).await;
    inserted_behind_a_gate(&db, 5).await;
    assert_eq!(db.stats().groups, 6);
}

#[tokio::test]
async fn no_answer_leaves_before_the_commit() {
    let (folder, db) = open(AMPLE).await;
    let (hold, first_work) = Gate::new();
    let (last, last_work) = Gate::new();
    let first = queued!(db.write(Kind::Request, move |_| {
        first_work();
        Ok::<_, Error>(())
    }));
    hold.begun.recv().unwrap();
    let mut written = queued!(db.write(Kind::Request, |tx| insert(tx, 1)));
    let mut refused = queued!(db.write(Kind::Request, |_| Err::<(), _>(Error::Conflict)));
    let mut looked = queued!(db.write(Kind::Request, count));
    let end = queued!(db.write(Kind::Request, move |_| {
        last_work();
        Ok::<_, Error>(())
    }));
    hold.go.send(()).unwrap();
    last.begun.recv().unwrap();
    // All have run, in a group whose last closure still works.
    assert!(poll(&mut written.as_mut()).is_pending(), "not an answer to a write");
    assert!(poll(&mut refused.as_mut()).is_pending(), "nor an error");
    assert!(poll(&mut looked.as_mut()).is_pending(), "nor what was only read");
    last.go.send(()).unwrap();
    written.await.unwrap();
    let other = rusqlite::Connection::open(folder.path().join("a.db")).unwrap();
    let seen: i64 = other.query_row("SELECT count(*) FROM item", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 1, "another connection sees what was answered");
    assert!(refused.await.is_err());
    assert_eq!(looked.await.unwrap(), 1);
    first.await.and(end.await).unwrap();
}

#[tokio::test]
async fn every_member_of_a_lost_group_is_told() {
    let (_folder, db) = open(AMPLE).await;
    let (gate, work) = Gate::new();
    let held = queued!(db.write(Kind::Request, move |_| {
        work();
        Ok::<_, Error>(())
    }));
    gate.begun.recv().unwrap();
    let mut raised = db.raised();
    raised.mark_unchanged();
    let before = queued!(db.write(Kind::Request, |tx| {
        tx.raise();
        insert(tx, 1)
    }));
    let refused = queued!(db.write(Kind::Request, |_| Err::<(), _>(Error::Panicked)));
    let breaking = queued!(db.write(Kind::Request, |tx| {
        drop(tx.execute("ROLLBACK", &[]));
        drop(tx.execute("BEGIN IMMEDIATE", &[]));
        Ok::<_, Error>(())
    }));
    let after = queued!(db.write(Kind::Request, |tx| insert(tx, 2)));
    gate.go.send(()).unwrap();
    for member in [held.await, before.await, refused.await, breaking.await] {
        assert!(matches!(member, Err(Error::Unavailable(_))), "{member:?}");
    }
    after.await.unwrap();
    assert_eq!(db.read(count).await.unwrap(), 1, "the closure behind the lost group has its own");
    assert!(!raised.has_changed().unwrap(), "and a lost group raises nothing");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (_folder, db) = open(Limits { queue: 2, ..AMPLE }).await;
    let (gate, work) = Gate::new();
    let held = queued!(db.write(Kind::Request, move |_| {
        work();
        Ok::<_, Error>(())
    }));
    gate.begun.recv().unwrap();
    let waiting = [1, 2].map(|id| queued!(db.write(Kind::Request, move |tx| insert(tx, id))));
    let mut refused = pin!(db.write(Kind::Request, |tx| insert(tx, 3)));
    assert!(matches!(poll(&mut refused), Poll::Ready(Err(Error::Overloaded))));
    assert_eq!((db.stats().overloaded, db.meter().queued()), (1, (2, 0)), "the held one is not in the queue");
    gate.go.send(()).unwrap();
    held.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
    assert_eq!(db.meter().queued(), (0, 0));
    assert_eq!(db.read(count).await.unwrap(), 2);
}

#[tokio::test]
async fn a_reader_keeps_its_snapshot_while_others_write() {
    let (_folder, db) = open(AMPLE).await;
    let (gate, work) = Gate::new();
    let counts = queued!(db.read(move |tx| {
        let before = count(tx)?;
        work();
        Ok::<_, Error>((before, count(tx)?))
    }));
    gate.begun.recv().unwrap();
    db.write(Kind::Request, |tx| insert(tx, 1)).await.unwrap();
    assert_eq!(db.read(count).await.unwrap(), 1, "the other reader sees the commit");
    gate.go.send(()).unwrap();
    assert_eq!(counts.await.unwrap(), (0, 0));
}

#[tokio::test]
async fn dropping_the_last_handle_runs_what_is_queued_and_frees_the_lease() {
    let (folder, db) = open(AMPLE).await;
    let (gate, work) = Gate::new();
    let held = queued!(db.write(Kind::Request, move |_| {
        work();
        Ok::<_, Error>(())
    }));
    let given_up = queued!(db.write(Kind::Request, |tx| insert(tx, 1)));
    gate.begun.recv().unwrap();
    drop((held, given_up));
    gate.go.send(()).unwrap();
    drop(db);
    assert_eq!(reopen(&folder, AMPLE).await.read(count).await.unwrap(), 1);
}

#[tokio::test]
async fn a_closure_may_hold_the_last_handle() {
    let (folder, db) = open(AMPLE).await;
    let (gate, work) = Gate::new();
    let inner = db.clone();
    let held = queued!(db.write(Kind::Request, move |tx| {
        work();
        let _inner = &inner;
        insert(tx, 1)
    }));
    gate.begun.recv().unwrap();
    drop(held);
    let watch = db.raised();
    drop(db);
    gate.go.send(()).unwrap();
    // The watch closes when the writer has ended, and with it the lease it held.
    let mut watch = watch;
    assert!(watch.changed().await.is_err());
    while let Err(error) = Db::open(&Config::sqlite(folder.path().join("a.db")), vec![]).await {
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_in_the_drop_of_an_answer_does_not_end_the_writer() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if std::thread::current().name() == Some("db-writer") {
                panic!("this panic belongs to a test");
            }
        }
    }
    let (_folder, db) = open(AMPLE).await;
    let (gate, work) = Gate::new();
    let given_up = queued!(db.write(Kind::Request, move |tx| {
        work();
        insert(tx, 1)?;
        Ok::<_, Error>(Bomb)
    }));
    gate.begun.recv().unwrap();
    drop(given_up);
    gate.go.send(()).unwrap();
    db.write(Kind::Request, |tx| insert(tx, 2)).await.unwrap();
    assert_eq!(db.read(count).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_lose_and_invent_nothing() {
    let (_folder, db) = open(Limits::default()).await;
    let db = Arc::new(db);
    let mut tasks = JoinSet::new();
    for id in 0..300 {
        let db = Arc::clone(&db);
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
    let stats = db.stats();
    assert_eq!((done, db.read(count).await.unwrap()), (200, 200));
    assert_eq!((stats.committed(Kind::OrderPath), stats.rolled_back), (200, 100));
    assert!(stats.groups <= 300);
}
