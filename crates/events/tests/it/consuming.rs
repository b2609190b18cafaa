use std::sync::Arc;
use std::time::Duration;

use madang_chassis::Network;
use madang_events::{Consumers, ConsumersConfig, FeedSource, Handler, NewEvent, Subscription};

use crate::script::{Script, Step};
use crate::world::{
    Consumer, FOR_EVER, Fault, PRODUCER, Producer, Recorder, Store, client, effects, platform, until,
};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];

#[tokio::test(start_paused = true)]
async fn events_go_from_one_database_through_the_feed_into_another() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::inline());
    let source = FeedSource::new(client(&network, PRODUCER), &platform("payments", &network));
    let consumer = Consumer::start(&network, source, Recorder::default());
    producer.publish(&vec!["a"; 700]).await;
    consumer.reaches(700).await;
    producer.publish(&["b"]).await;
    consumer.reaches(701).await;
    assert!(consumer.effects().await.into_iter().eq(1..=701));
}

#[tokio::test]
async fn it_is_the_same_on_threads_and_on_the_real_clock() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::threads().await);
    let source = FeedSource::new(client(&network, PRODUCER), &platform("payments", &network));
    let recorder = Recorder::default().failing(3, Fault::Panic, 1);
    let consumer = Consumer::start_on(Store::threads().await, &network, source, recorder);
    for _ in 0..20 {
        producer.publish(&KEYS).await;
    }
    consumer.reaches(120).await;
    assert!(consumer.effects().await.into_iter().eq(1..=120));
}

#[tokio::test]
async fn what_stands_at_or_below_the_cursor_is_skipped() {
    let script = Script::new(&KEYS).session(&[
        Step::Batch(vec![1, 2]),
        Step::Batch(vec![1, 2]),
        Step::Batch(vec![2, 3, 3, 1, 4]),
        Step::Batch(vec![5, 6]),
    ]);
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), script.clone(), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(script.reads(), [0_i64; 0], "a duplicate is no gap");
}

#[tokio::test]
async fn a_gap_is_never_applied_but_read_again_from_the_feed() {
    let script =
        Script::new(&KEYS).session(&[Step::Batch(vec![1]), Step::Batch(vec![4]), Step::Batch(vec![5, 6])]);
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), script.clone(), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(script.reads(), [1]);
    assert_eq!(script.subscribed().len(), 1, "the subscription goes on");
}

#[tokio::test]
async fn swapped_events_take_effect_in_the_order_of_their_positions() {
    let script = Script::new(&KEYS).session(&[
        Step::Batch(vec![2, 1]),
        Step::Batch(vec![5, 6]),
        Step::Batch(vec![3, 4]),
    ]);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), script, Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn an_event_that_is_missing_in_the_feed_too_is_waited_for() {
    let whole = Script::new(&KEYS);
    let script = Script::holed(&KEYS, 3).session(&[Step::Batch(vec![1, 2, 4])]);
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), script.clone(), Recorder::default());
    until(async || script.reads().len() >= 3).await;
    assert_eq!(consumer.effects().await, [1, 2], "nothing is applied across the gap");
    script.becomes(&whole);
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_consumer_goes_on_from_its_cursor_after_a_restart() {
    let network = Network::new();
    let script = Script::new(&KEYS).session(&[Step::Batch(vec![1, 2, 3])]);
    let consumer = Consumer::start_on(Store::threads().await, &network, script, Recorder::default());
    consumer.reaches(3).await;
    let store = consumer.stop().await;
    let script = Script::new(&KEYS);
    let consumer = Consumer::start_on(store, &network, script.clone(), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(script.subscribed()[0].1, 3);
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn two_replicas_on_one_database_apply_each_event_once() {
    let network = Network::new();
    let producer = Producer::start(&network, Store::threads().await);
    let store = Store::threads().await;
    let recorder: Arc<dyn Handler> = Arc::new(Recorder::default());
    let replicas: Vec<_> = ["one", "two", "three"].into_iter().map(|name| platform(name, &network)).collect();
    for replica in &replicas {
        let source = Arc::new(FeedSource::new(client(&network, PRODUCER), replica));
        let subscription = Subscription { producer: PRODUCER, source, handler: Arc::clone(&recorder) };
        Consumers::start(&store.db, replica, vec![subscription], &ConsumersConfig::default());
    }
    for _ in 0..50 {
        producer.publish(&KEYS).await;
    }
    until(async || effects(&store.db).await.len() >= 300).await;
    for replica in &replicas {
        replica.shutdown.begin();
        assert!(replica.tasks.wait(Duration::from_secs(10)).await);
    }
    assert!(effects(&store.db).await.into_iter().map(|(position, _)| position).eq(1..=300));
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_cursors_compare_and_set_applies_nothing_and_tries_again() {
    let network = Network::new();
    let store = Store::inline();
    // As if another replica had moved the cursor between the look and the update.
    let lose = "CREATE TRIGGER lose BEFORE UPDATE ON events_cursors BEGIN SELECT RAISE(IGNORE); END";
    ddl(&store, lose).await;
    let consumer = Consumer::start_on(store, &network, Script::new(&KEYS), Recorder::default());
    until(async || consumer.store.db.stats().reruns >= 9).await;
    assert_eq!((consumer.effects().await, consumer.recorder.tries(1)), (vec![], 0));
    ddl(&consumer.store, "DROP TRIGGER lose").await;
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
}

async fn ddl(store: &Store, sql: &'static str) {
    let run = move |tx: &mut madang_db::Tx<'_>| tx.execute(sql, &[]).map(drop);
    store.db.write::<_, madang_db::Error, _>(madang_db::Kind::Cursor, run).await.unwrap();
}

#[tokio::test]
async fn a_failing_event_rolls_its_batch_back_and_then_lets_those_before_it_pass() {
    let recorder = Recorder::default().failing(4, Fault::Transient, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    until(async || consumer.recorder.tries(4) == 2).await;
    assert_eq!(consumer.effects().await, [1, 2, 3]);
    assert_eq!(
        consumer.recorder.tries(3),
        2,
        "once in the batch that was rolled back, once without the fourth"
    );
    assert_eq!(consumer.recorder.tries(5), 0, "the fourth is tried alone");
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again_with_pauses_until_it_passes() {
    let recorder = Recorder::default().failing(2, Fault::Transient, 4);
    let before = tokio::time::Instant::now();
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
    assert_eq!((consumer.recorder.tries(2), consumer.dead_letters().await.len()), (5, 0));
    // 100, 200, 400 and 800 ms, each with a jitter of at most a half.
    assert!((750..=1550).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_databases_failures_are_waited_out_and_never_a_dead_letter() {
    let recorder = Recorder::default().failing(2, Fault::Db, 25).failing(4, Fault::Db, 1);
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 5, 6]);
    assert_eq!((consumer.recorder.tries(2), consumer.dead_letters().await.len()), (26, 0));
}

#[tokio::test]
async fn a_handler_publishes_in_the_transaction_of_the_event() {
    struct Echo;
    impl Handler for Echo {
        fn apply(
            &self,
            tx: &mut madang_db::Tx<'_>,
            event: &madang_events::Event,
        ) -> Result<madang_events::Outcome, madang_events::Failure> {
            let payload = madang_api::events::v1::PaymentCaptured::default();
            let echo = NewEvent::new(event.id, event.key.clone(), event.occur_time, &payload);
            madang_events::publish(tx, &echo.caused_by(event.traceparent.clone()))?;
            Ok(madang_events::Outcome::Applied)
        }
    }
    let network = Network::new();
    let producer = Producer::start(&network, Store::threads().await);
    let platform = platform("payments", &network);
    let source = Arc::new(Script::new(&KEYS));
    let subscription = Subscription { producer: "other", source, handler: Arc::new(Echo) };
    Consumers::start(&producer.store.db, &platform, vec![subscription], &ConsumersConfig::default());
    producer.stamped(6).await;
}
