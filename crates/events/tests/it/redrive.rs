use madang_api::error;
use madang_api::events::v1::RedriveDeadLetterRequest;
use madang_chassis::Network;
use tonic::{Code, Status};

use crate::script::Script;
use crate::world::{Consumer, FOR_EVER, Fault, Recorder, Store};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];

async fn redrive(consumer: &Consumer, dead_letter_id: &str) -> Result<i32, Status> {
    let request = RedriveDeadLetterRequest { dead_letter_id: dead_letter_id.to_owned() };
    let answer = consumer.dead_letter_client().redrive_dead_letter(request).await?;
    Ok(answer.into_inner().applied)
}

/// The first event is a dead letter, the third and sixth are parked behind it.
async fn blocked() -> (Consumer, Vec<String>) {
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    let ids = consumer.dead_letters().await.into_iter().map(|letter| letter.dead_letter_id).collect();
    (consumer, ids)
}

#[tokio::test]
async fn redrive_applies_the_dead_letter_and_what_is_parked_behind_it_in_order() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    assert_eq!(redrive(&consumer, &ids[0]).await.unwrap(), 3);
    assert_eq!(consumer.effects().await, [2, 4, 5, 1, 3, 6]);
    assert_eq!(consumer.dead_letters().await, []);
}

#[tokio::test]
async fn a_redriven_key_is_free_again() {
    let network = Network::new();
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &network, Script::new(&KEYS[..3]), recorder);
    consumer.reaches(3).await;
    consumer.recorder.heal();
    let id = consumer.dead_letters().await.remove(0).dead_letter_id;
    assert_eq!(redrive(&consumer, &id).await.unwrap(), 2);
    let store = consumer.stop().await;
    let consumer = Consumer::start_on(store, &network, Script::new(&KEYS), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [2, 1, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_redrive_that_fails_applies_nothing_and_is_counted() {
    for fault in [Fault::Transient, Fault::Permanent, Fault::Panic] {
        let (consumer, ids) = blocked().await;
        consumer.recorder.heal();
        consumer.recorder.fail(6, fault, FOR_EVER);
        let status = redrive(&consumer, &ids[0]).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(error::reason(&status).as_deref(), Some("REDRIVE_FAILED"));
        assert!(status.message().contains("position 6: told to at 6"), "{}", status.message());
        assert_eq!(consumer.effects().await, [2, 4, 5], "the first and the third were rolled back");
        let letters = consumer.dead_letters().await;
        assert_eq!(letters.len(), 3);
        assert_eq!((letters[0].attempts, letters[0].reason.as_str()), (2, cause(fault)));
        assert_eq!((letters[1].attempts, letters[1].reason.as_str()), (0, ""));
        assert_eq!(error::facts(&status)["cause"], cause(fault));
    }
}

#[tokio::test]
async fn a_statement_that_fails_for_one_event_is_that_events_failure() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    consumer.recorder.fail(3, Fault::Sql, FOR_EVER);
    let status = redrive(&consumer, &ids[0]).await.unwrap_err();
    assert_eq!(error::reason(&status).as_deref(), Some("REDRIVE_FAILED"));
    assert_eq!(error::facts(&status)["cause"], cause(Fault::Sql));
    assert_eq!(consumer.dead_letters().await[0].attempts, 2);
}

fn cause(fault: Fault) -> &'static str {
    match fault {
        Fault::Transient => "NOT_YET",
        Fault::Permanent => "NEVER",
        Fault::Panic => "HANDLER_PANICKED",
        Fault::Db => "DATABASE_UNAVAILABLE",
        Fault::Sql => "INTERNAL",
    }
}

#[tokio::test]
async fn a_redrive_that_the_database_fails_is_not_the_events_failure() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    consumer.recorder.fail(3, Fault::Db, 1);
    let status = redrive(&consumer, &ids[0]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(error::reason(&status).as_deref(), Some("DATABASE_UNAVAILABLE"));
    assert_eq!(consumer.dead_letters().await[0].attempts, 1);
    assert_eq!(redrive(&consumer, &ids[0]).await.unwrap(), 3);
}

#[tokio::test]
async fn what_was_redriven_is_not_found_again() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    redrive(&consumer, &ids[0]).await.unwrap();
    let unknown = "0198c0de-0000-7000-8000-000000000001".to_owned();
    for id in [&ids[0], &ids[2], &unknown] {
        let status = redrive(&consumer, id).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(error::reason(&status).as_deref(), Some("DEAD_LETTER_NOT_FOUND"));
    }
    assert_eq!(consumer.effects().await, [2, 4, 5, 1, 3, 6]);
}

#[tokio::test]
async fn a_parked_event_does_not_overtake_its_dead_letter() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    let status = redrive(&consumer, &ids[1]).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(error::reason(&status).as_deref(), Some("REDRIVE_FAILED"));
    assert!(status.message().contains("behind the dead letter at position 1"), "{}", status.message());
    assert_eq!(consumer.effects().await, [2, 4, 5]);
}

#[tokio::test]
async fn a_dead_letter_of_a_producer_that_is_no_longer_read_stays() {
    let (consumer, ids) = blocked().await;
    let leave =
        |tx: &mut madang_db::Tx<'_>| tx.execute("UPDATE events_dead_letters SET producer = 'left'", &[]);
    consumer.store.db.write::<_, madang_db::Error, _>(madang_db::Kind::Cursor, leave).await.unwrap();
    let status = redrive(&consumer, &ids[0]).await.unwrap_err();
    assert_eq!(error::reason(&status).as_deref(), Some("REDRIVE_FAILED"));
    assert_eq!(error::facts(&status)["cause"], "NO_HANDLER");
    assert_eq!(consumer.dead_letters().await.len(), 3);
}

#[tokio::test]
async fn a_bad_id_is_refused() {
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&[]), Recorder::default());
    for id in ["", "none"] {
        let status = redrive(&consumer, id).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(error::violations(&status)[0].field, "dead_letter_id");
    }
}

#[tokio::test]
async fn redrives_at_once_on_threads_apply_it_once() {
    let network = Network::new();
    let recorder = Recorder::default().failing(1, Fault::Permanent, 1);
    let consumer = Consumer::start_on(Store::threads().await, &network, Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    let id = consumer.dead_letters().await.remove(0).dead_letter_id;
    let answers = futures::future::join_all((0..8).map(|_| redrive(&consumer, &id))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(consumer.effects().await, [2, 4, 5, 1, 3, 6]);
}
