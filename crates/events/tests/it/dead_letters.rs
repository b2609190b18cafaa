use std::time::Duration;

use madang_chassis::Network;

use crate::script::Script;
use crate::world::{Consumer, FOR_EVER, Fault, PRODUCER, Recorder, Store, given_up};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];

/// The dead letters: position, reason, attempts, whether parked.
async fn rows(consumer: &Consumer) -> Vec<(i64, String, i32, bool)> {
    let row = |letter: madang_api::events::v1::DeadLetter| {
        (letter.event.unwrap().position, letter.reason, letter.attempts, letter.parked)
    };
    consumer.dead_letters().await.into_iter().map(row).collect()
}

fn dead(position: i64, reason: &str, attempts: i32) -> (i64, String, i32, bool) {
    (position, reason.to_owned(), attempts, false)
}

fn parked(position: i64) -> (i64, String, i32, bool) {
    (position, String::new(), 0, true)
}

#[tokio::test]
async fn a_dead_letter_blocks_its_key_and_no_other() {
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [2, 4, 5]);
    assert_eq!(rows(&consumer).await, [dead(1, "NEVER", 1), parked(3), parked(6)]);
    assert_eq!(consumer.recorder.tries(3), 0, "a parked event is not tried");
    let cursor = consumer.cursor().await;
    assert_eq!((cursor.dead_letters, cursor.parked, cursor.alarm.as_str()), (1, 2, ""));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_a_dead_letter_at_once() {
    let recorder = Recorder::default().failing(5, Fault::Permanent, FOR_EVER);
    let before = tokio::time::Instant::now();
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert!(before.elapsed() < Duration::from_millis(50));
    assert_eq!(consumer.recorder.tries(5), 1);
    assert_eq!(consumer.effects().await, [1, 2, 3, 4, 6]);
    let letter = consumer.dead_letters().await.remove(0);
    assert_eq!((letter.producer.as_str(), letter.detail.as_str()), (PRODUCER, "told to at 5"));
    assert_eq!(letter.dead_letter_id, letter.event.unwrap().event_id);
}

#[tokio::test]
async fn a_statement_that_fails_for_one_event_does_not_hold_up_the_log() {
    let recorder = Recorder::default().failing(2, Fault::Sql, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(rows(&consumer).await, [dead(2, "INTERNAL", 5), parked(5)]);
    assert_eq!(consumer.effects().await, [1, 3, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_a_dead_letter_after_five_tries() {
    let recorder = Recorder::default().failing(2, Fault::Transient, FOR_EVER);
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(consumer.recorder.tries(2), 5);
    assert_eq!(rows(&consumer).await, [dead(2, "NOT_YET", 5), parked(5)]);
    assert_eq!(consumer.effects().await, [1, 3, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_counts_as_a_transient_failure() {
    let recorder = Recorder::default().failing(1, Fault::Panic, 2).failing(4, Fault::Panic, FOR_EVER);
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!((consumer.recorder.tries(1), consumer.recorder.tries(4)), (3, 5));
    assert_eq!(rows(&consumer).await, [dead(4, "HANDLER_PANICKED", 5)]);
    assert_eq!(consumer.dead_letters().await[0].detail, "told to at 4");
}

#[tokio::test]
async fn every_event_of_a_batch_may_fail() {
    let recorder = (1..=6).fold(Recorder::default(), |recorder, position| {
        recorder.failing(position, Fault::Permanent, FOR_EVER)
    });
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [0_i64; 0]);
    let expected =
        [dead(1, "NEVER", 1), dead(2, "NEVER", 1), parked(3), dead(4, "NEVER", 1), parked(5), parked(6)];
    assert_eq!(rows(&consumer).await, expected);
}

#[tokio::test]
async fn the_handler_takes_note_in_the_transaction_of_the_dead_letter() {
    let recorder = Recorder::default().failing(2, Fault::Permanent, FOR_EVER).failing_hook(3);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    // It failed three times: had it not been rolled back with the letter, its row would be there twice.
    assert_eq!(given_up(&consumer.store.db).await, [(2, "NEVER".to_owned())]);
    assert_eq!(rows(&consumer).await, [dead(2, "NEVER", 1), parked(5)]);
    assert_eq!(consumer.effects().await, [1, 3, 4, 6], "the effect of the failed try is gone");
}

#[tokio::test(start_paused = true)]
async fn a_key_stays_blocked_over_a_restart_and_its_parked_events_are_never_pruned() {
    let network = Network::new();
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start(&network, Script::new(&KEYS[..3]), recorder);
    consumer.reaches(3).await;
    let store = consumer.stop().await;
    tokio::time::advance(Duration::from_secs(60 * 24 * 60 * 60)).await;
    let consumer = Consumer::start_on(store, &network, Script::new(&KEYS), Recorder::default());
    let _outbox = madang_events::Outbox::start(
        &consumer.store.db,
        &consumer.platform,
        &madang_events::OutboxConfig::default(),
    );
    consumer.reaches(6).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(rows(&consumer).await, [dead(1, "NEVER", 1), parked(3), parked(6)]);
    assert_eq!(consumer.effects().await, [2, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn lag_dead_letters_and_parked_events_are_metrics() {
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start(&Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let text = consumer.platform.metrics.text();
    for (name, value) in [
        ("events_cursor_position", 6),
        ("events_lag", 0),
        ("events_dead_letters", 1),
        ("events_parked", 2),
        ("events_consumer_stopped", 0),
    ] {
        let line = format!("madang_{name}{{producer=\"{PRODUCER}\"}} {value}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert_eq!(lag_age(&text), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_shows_its_lag() {
    let recorder = Recorder::default().failing(3, Fault::Db, FOR_EVER);
    let script = Script::new(&KEYS);
    let consumer = Consumer::start(&Network::new(), script.clone(), recorder);
    consumer.reaches(2).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    let text = consumer.platform.metrics.text();
    assert!(text.contains(&format!("madang_events_lag{{producer=\"{PRODUCER}\"}} 4\n")), "{text}");
    let age = lag_age(&text);
    assert!((10.0..11.5).contains(&age), "the event that waits happened as the clock began: {age}");
    let reads = script.reads().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!((70.0..71.5).contains(&lag_age(&consumer.platform.metrics.text())));
    assert_eq!(script.reads().len(), reads, "it is known by now");
}

#[tokio::test(start_paused = true)]
async fn where_the_feed_cannot_be_read_the_lag_is_as_old_as_it_was_seen() {
    let script = Script::new(&KEYS[..1]);
    let consumer = Consumer::start(&Network::new(), script.clone(), Recorder::default());
    consumer.reaches(1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(lag_age(&consumer.platform.metrics.text()), 0.0);
    script.becomes(&Script::new(&KEYS));
    script.down(true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let age = lag_age(&consumer.platform.metrics.text());
    assert!((10.0..=20.0).contains(&age), "{age}");
    script.down(false);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let age = lag_age(&consumer.platform.metrics.text());
    assert!(age > 80.0, "when it happened is known now: {age}");
}

fn lag_age(metrics: &str) -> f64 {
    let name = format!("madang_events_lag_age_seconds{{producer=\"{PRODUCER}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}
