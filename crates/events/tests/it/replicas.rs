//! Several replicas on one database, which SQLite has not: transactions that are open at once, two relays, two consumers.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures::future::{join, join_all};
use madang_api::events::v1::RedriveDeadLetterRequest;
use madang_chassis::Network;
use madang_db::testing::OnPostgres;
use madang_db::{Db, Error, Kind, Tx, params};
use madang_events::{FeedSource, NewEvent};
use tokio::task::JoinSet;

use crate::script::Script;
use crate::world::{
    Consumer, FOR_EVER, Fault, PRODUCER, Producer, Recorder, Store, client, effects, platform, until,
};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];

/// A transaction that has published and is not committed until it is told to.
struct Open {
    published: Receiver<()>,
    commit: Sender<()>,
}

impl Open {
    fn new() -> (Self, impl Fn() + Send + 'static) {
        let ((tell, published), (commit, wait)) = (channel(), channel());
        let wait = Mutex::new(wait);
        let hold = move || {
            tell.send(()).unwrap();
            wait.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        };
        (Self { published, commit }, hold)
    }

    /// Waits until it has drawn its place in the sequence.
    async fn has_published(&self) {
        until(async || self.published.try_recv().is_ok()).await;
    }

    fn commit(&self) {
        self.commit.send(()).unwrap();
    }
}

/// Publishes an event that has its place in the sequence with that. Where nothing is asked after it, it draws it with the COMMIT.
fn publish(tx: &mut Tx<'_>, event: &NewEvent) -> Result<(), Error> {
    madang_events::publish(tx, event)?;
    tx.query("SELECT 1", &[]).map(drop)
}

/// Updates an aggregate, as a guarded update does, and then publishes; holds before the commit.
async fn publish_and_hold(db: Db, key: &'static str, event: NewEvent, hold: impl Fn() + Send + 'static) {
    const MOVE: &str = "UPDATE aggregates SET version = version + 1 WHERE event_key = $1";
    let work = move |tx: &mut Tx<'_>| {
        tx.execute_one(MOVE, &params![key])?;
        publish(tx, &event)?;
        hold();
        Ok::<_, Error>(())
    };
    db.write(Kind::Request, work).await.unwrap();
}

/// The log: positions, keys, and places in the sequence.
async fn log(db: &Db) -> Vec<(i64, String, i64)> {
    const SQL: &str =
        "SELECT position, event_key, seq FROM events_outbox WHERE position IS NOT NULL ORDER BY position";
    let read = |tx: &mut Tx<'_>| -> Result<Vec<_>, Error> {
        tx.query(SQL, &[])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
    };
    db.read(read).await.unwrap()
}

/// A producer's replica with its relay, another without, and a consumer that follows the feed.
struct Shop {
    producer: Producer,
    other: Store,
    consumer: Consumer,
    writes: JoinSet<()>,
}

impl Shop {
    async fn open(database: &OnPostgres) -> Self {
        let network = Network::new();
        let producer = Producer::start(&network, Store::replica(database).await);
        let other = Store::replica(database).await;
        let source = FeedSource::new(client(&network, PRODUCER), &platform("payments", &network));
        let consumer = Consumer::start_on(Store::threads().await, &network, source, Recorder::default());
        Self { producer, other, consumer, writes: JoinSet::new() }
    }

    /// Begins a transaction about a key on the other replica.
    fn begin(&mut self, key: &'static str) -> Open {
        let (open, hold) = Open::new();
        self.writes.spawn(publish_and_hold(self.other.db.clone(), key, self.producer.event(key), hold));
        open
    }

    async fn committed(&mut self) {
        self.writes.join_next().await.unwrap().unwrap();
    }

    /// What is in the log, once the consumer has come so far; it has seen the same.
    async fn log(&self, end: i64) -> Vec<(i64, String, i64)> {
        self.consumer.reaches(end).await;
        let log = log(&self.other.db).await;
        let seen: Vec<_> = log.iter().map(|(position, key, _)| (*position, key.clone())).collect();
        assert_eq!(effects(&self.consumer.store.db).await, seen);
        log
    }
}

fn row(position: i64, key: &str, seq: i64) -> (i64, String, i64) {
    (position, key.to_owned(), seq)
}

#[tokio::test]
async fn ids_that_commit_out_of_order_leave_no_gap_and_no_reader_misses_one() {
    let test = "ids_that_commit_out_of_order_leave_no_gap_and_no_reader_misses_one";
    let Some(database) = OnPostgres::create(test) else { return };
    let mut shop = Shop::open(&database).await;
    let first = shop.begin("a");
    first.has_published().await;
    let second = shop.begin("b");
    second.has_published().await;

    second.commit();
    shop.committed().await;
    assert_eq!(shop.log(1).await, [row(1, "b", 2)], "what is not committed has no position");
    first.commit();
    shop.committed().await;
    assert_eq!(shop.log(2).await, [row(1, "b", 2), row(2, "a", 1)]);
}

#[tokio::test]
async fn the_events_of_a_key_stand_in_the_order_of_its_commits() {
    let test = "the_events_of_a_key_stand_in_the_order_of_its_commits";
    let Some(database) = OnPostgres::create(test) else { return };
    let mut shop = Shop::open(&database).await;
    let first = shop.begin("a");
    first.has_published().await;
    // The next one of the key waits for the row, and draws nothing before it has it.
    let second = shop.begin("a");
    let waiting =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(async || database.ask(waiting).len() == 1).await;
    let other = shop.begin("b");
    other.has_published().await;
    other.commit();
    shop.committed().await;
    assert_eq!(shop.log(1).await, [row(1, "b", 2)]);

    first.commit();
    shop.committed().await;
    second.has_published().await;
    second.commit();
    shop.committed().await;
    assert_eq!(shop.log(3).await, [row(1, "b", 2), row(2, "a", 1), row(3, "a", 3)]);
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_leaves_a_hole_in_the_sequence_and_none_in_the_positions() {
    let test = "a_transaction_that_is_rolled_back_leaves_a_hole_in_the_sequence_and_none_in_the_positions";
    let Some(database) = OnPostgres::create(test) else { return };
    let mut shop = Shop::open(&database).await;
    let event = shop.producer.event("lost");
    let fail = move |tx: &mut Tx<'_>| {
        publish(tx, &event)?;
        Err::<(), _>(Error::Panicked)
    };
    shop.other.db.write(Kind::Request, fail).await.unwrap_err();
    let kept = shop.begin("a");
    kept.commit();
    shop.committed().await;
    assert_eq!(shop.log(1).await, [row(1, "a", 2)]);
}

#[tokio::test]
async fn two_relays_leave_no_gap_and_give_no_position_twice() {
    let Some(database) = OnPostgres::create("two_relays_leave_no_gap_and_give_no_position_twice") else {
        return;
    };
    // Each on a network of its own, since both are called orders.
    let networks = [Network::new(), Network::new()];
    let producers = [
        Producer::start(&networks[0], Store::replica(&database).await),
        Producer::start(&networks[1], Store::replica(&database).await),
    ];
    let publish = async |producer: &Producer| {
        for _ in 0..30 {
            producer.publish(&KEYS).await;
        }
    };
    join_all(producers.iter().map(publish)).await;
    for (network, producer) in networks.iter().zip(&producers) {
        producer.stamped(360).await;
        // Either replica's feed has all of it.
        let source = FeedSource::new(client(network, PRODUCER), &platform("payments", network));
        let consumer = Consumer::start_on(Store::threads().await, network, source, Recorder::default());
        consumer.reaches(360).await;
        assert!(consumer.effects().await.into_iter().eq(1..=360));
    }
}

#[tokio::test]
async fn two_consumers_apply_each_event_once_and_redrive_a_dead_letter_once() {
    let test = "two_consumers_apply_each_event_once_and_redrive_a_dead_letter_once";
    let Some(database) = OnPostgres::create(test) else { return };
    // Fewer than a batch: the script gives no second one.
    let keys: Vec<&str> = KEYS.into_iter().cycle().take(240).collect();
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
        let store = Store::replica(&database).await;
        consumers.push(Consumer::start_on(store, &Network::new(), Script::new(&keys), recorder));
    }
    join_all(consumers.iter().map(|consumer| consumer.reaches(240))).await;
    let live: Vec<i64> =
        (1..).zip(&keys).filter(|(_, key)| **key != "a").map(|(position, _)| position).collect();
    assert_eq!(consumers[0].effects().await, live);

    let letters = consumers[1].dead_letters().await;
    let cursor = consumers[0].cursor().await;
    assert_eq!((cursor.position, cursor.dead_letters, cursor.parked), (240, 1, 119));
    consumers.iter().for_each(|consumer| consumer.recorder.heal());
    let redrive = async |consumer: &Consumer| {
        let request = RedriveDeadLetterRequest { dead_letter_id: letters[0].dead_letter_id.clone() };
        consumer.dead_letter_client().redrive_dead_letter(request).await
    };
    let (one, other) = join(redrive(&consumers[0]), redrive(&consumers[1])).await;
    assert!(one.is_ok() != other.is_ok(), "one of them: {one:?}, {other:?}");
    let mut applied = consumers[0].effects().await;
    let redriven = applied.split_off(live.len());
    assert!(redriven.iter().copied().eq((1..=240).filter(|position| !live.contains(position))), "in order");
}
