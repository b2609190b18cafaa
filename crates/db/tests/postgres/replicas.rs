//! Several handles on one database, as the replicas of a service have them.

use std::time::Duration;

use madang_db::{Config, Db, Error, Kind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::{count, database, insert, inserted, opened, until};

/// Half of the relay's poll.
const SOON: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(10);

async fn raise(db: &Db, id: i64) {
    let raise = db.write(Kind::OrderPath, move |tx| {
        tx.raise();
        insert(tx, id)
    });
    raise.await.unwrap();
}

async fn heard(raised: &mut watch::Receiver<u64>, within: Duration) {
    timeout(within, raised.changed()).await.expect("it is heard in time").unwrap();
}

#[tokio::test]
async fn a_raise_wakes_the_other_replica_well_before_its_poll() {
    let database = database!("a_raise_wakes_the_other_replica_well_before_its_poll");
    let (one, other) = (opened(&database.config()).await, opened(&database.config()).await);
    let (mut own, mut raised) = (one.raised(), other.raised());
    raise(&one, 0).await;
    // The first waits for the connection that notifies.
    heard(&mut raised, LONG).await;
    for id in 1..10 {
        let began = Instant::now();
        raise(&one, id).await;
        heard(&mut raised, SOON).await;
        assert_eq!(other.read(count).await.unwrap(), id + 1, "what it was woken for is there");
        assert!(began.elapsed() < SOON);
    }
    assert_eq!(*own.borrow_and_update(), 10, "its own come back to none");
}

#[tokio::test]
async fn raises_in_a_burst_are_few_notifications() {
    let database = database!("raises_in_a_burst_are_few_notifications");
    let (one, other) = (opened(&database.config()).await, opened(&database.config()).await);
    let mut raised = other.raised();
    raise(&one, 0).await;
    heard(&mut raised, LONG).await;
    let began = Instant::now();
    let writes = (1..=200).map(|id| {
        let db = one.clone();
        async move { raise(&db, id).await }
    });
    let mut tasks: tokio::task::JoinSet<()> = writes.collect();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // One more, and what is heard of it, is the burst's end.
    heard(&mut raised, SOON).await;
    let most = began.elapsed().as_millis() / 10 + 2;
    assert!(u128::from(*raised.borrow()) <= most, "{} in {most}", *raised.borrow());
    assert_eq!(*one.raised().borrow(), 201, "in the process each is seen");
}

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again_and_looks_what_it_missed() {
    let database = database!("a_listener_that_was_cut_off_listens_again_and_looks_what_it_missed");
    let (one, other) = (opened(&database.config()).await, opened(&database.config()).await);
    let mut raised = other.raised();
    assert_eq!(database.kill("LISTEN"), 2);
    heard(&mut raised, LONG).await;
    raise(&one, 1).await;
    heard(&mut raised, LONG).await;
    assert!(database.kill("NOTIFY") <= 1);
    raise(&one, 2).await;
    heard(&mut raised, LONG).await;
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let database = database!("replicas_that_start_at_once_migrate_once");
    let config = database.config();
    let (a, b, c, d) = tokio::join!(opened(&config), opened(&config), opened(&config), opened(&config));
    for (id, db) in (0..).zip([&a, &b, &c, &d]) {
        inserted(db, id).await.unwrap();
    }
    assert_eq!(a.read(count).await.unwrap(), 4);
    assert_eq!(database.ask("SELECT count(*) FROM test_history"), ["1"]);
}

#[tokio::test]
async fn one_replica_leads_and_another_takes_over_when_its_connection_breaks() {
    let database = database!("one_replica_leads_and_another_takes_over_when_its_connection_breaks");
    let (one, other) = (opened(&database.config()).await, opened(&database.config()).await);
    let mut first = one.lead("relay").unwrap();
    let mut term = timeout(LONG, first.won()).await.unwrap();
    let mut second = other.lead("relay").unwrap();
    assert!(timeout(Duration::from_secs(1), second.won()).await.is_err(), "the lock is held");
    let mut elsewhere = timeout(LONG, async { other.lead("pruner").unwrap().won().await }).await.unwrap();
    assert!(term.lasts(), "another name is another race");
    timeout(LONG, elsewhere.ended()).await.unwrap();

    let sql = "SELECT pg_terminate_backend(pid)::TEXT FROM pg_locks WHERE locktype = 'advisory'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let held = sql.replace("pg_terminate_backend(pid)::TEXT", "pid::TEXT");
    until("the pruner's session ends", async || database.ask(&held).len() == 1).await;
    assert_eq!(database.ask(sql).len(), 1);
    timeout(SOON, term.ended()).await.expect("the loss is noticed at once");
    assert!(!term.lasts());
    // Either may be next; once the first has left, it is the second.
    drop(first);
    let next = timeout(LONG, second.won()).await.unwrap();
    assert!(next.lasts());
    drop(second);
    until("a dropped lead ends its term", async || !next.lasts()).await;
    until("and frees the lock", async || database.ask(sql).is_empty()).await;
}

#[tokio::test]
async fn never_two_lead_at_once() {
    let database = database!("never_two_lead_at_once");
    let db = opened(&database.config()).await;
    let mut leads: Vec<_> = (0..3).map(|_| db.lead("relay").unwrap()).collect();
    while !leads.is_empty() {
        let mut terms = Vec::new();
        for (index, lead) in leads.iter_mut().enumerate() {
            terms.extend(timeout(SOON * 3, lead.won()).await.ok().map(|term| (index, term)));
        }
        let [(leader, term)] = &terms[..] else { panic!("one leads, not {terms:?}") };
        assert!(term.lasts());
        drop(leads.remove(*leader));
    }
}

#[tokio::test]
async fn on_sqlite_the_process_leads() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let db = opened(&Config::sqlite(folder.path().join("a.db"))).await;
    let mut lead = db.lead("relay")?;
    let mut term = lead.won().await;
    assert!(term.lasts() && lead.won().await.lasts());
    drop(lead);
    term.ended().await;
    assert!(!term.lasts());
    Ok(())
}
