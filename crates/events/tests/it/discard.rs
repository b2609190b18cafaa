use madang_api::error;
use madang_api::events::v1::{DiscardDeadLetterRequest, DiscardDeadLetterResponse};
use madang_chassis::Network;
use madang_db::{Tx, params};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::script::Script;
use crate::world::{Consumer, FOR_EVER, Fault, Recorder, Store, given_up};

const KEYS: [&str; 6] = ["a", "b", "a", "c", "b", "a"];
const REASON: &str = "The order is gone, see ticket 7";

async fn ask(consumer: &Consumer, id: &str, reason: &str) -> Result<DiscardDeadLetterResponse, Status> {
    let request = DiscardDeadLetterRequest { dead_letter_id: id.to_owned(), reason: reason.to_owned() };
    Ok(consumer.dead_letter_client().discard_dead_letter(request).await?.into_inner())
}

async fn discard(consumer: &Consumer, id: &str) -> Result<(i32, String), Status> {
    let answer = ask(consumer, id, REASON).await?;
    Ok((answer.applied, answer.next_dead_letter_id))
}

/// The first event is a dead letter, the third and sixth are parked behind it.
async fn blocked() -> (Consumer, Vec<String>) {
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    let ids = consumer.dead_letters().await.into_iter().map(|letter| letter.dead_letter_id).collect();
    (consumer, ids)
}

/// What is kept: event, why it failed, why it was given up, events applied.
async fn kept(consumer: &Consumer) -> Vec<(Uuid, String, String, i32)> {
    let read = |tx: &mut Tx<'_>| {
        let sql =
            "SELECT event_id, reason, discarded_because, applied FROM events_discards ORDER BY position";
        let rows = tx.query(sql, &params![])?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).collect()
    };
    consumer.store.db.read::<_, madang_db::Error, _>(read).await.unwrap()
}

#[tokio::test]
async fn a_discard_frees_the_key_and_applies_what_is_parked_in_order() {
    let network = Network::new();
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &network, Script::new(&KEYS[..3]), recorder);
    consumer.reaches(3).await;
    let id = consumer.dead_letters().await.remove(0).dead_letter_id;
    assert_eq!(discard(&consumer, &id).await.unwrap(), (1, String::new()));
    assert_eq!(consumer.dead_letters().await, []);
    let consumer =
        Consumer::start_on(consumer.stop().await, &network, Script::new(&KEYS), Recorder::default());
    consumer.reaches(6).await;
    assert_eq!(consumer.effects().await, [2, 3, 4, 5, 6], "the first never took effect");
}

#[tokio::test]
async fn what_is_discarded_is_kept_with_the_reason() {
    let (consumer, ids) = blocked().await;
    discard(&consumer, &ids[0]).await.unwrap();
    assert_eq!(kept(&consumer).await, [(ids[0].parse().unwrap(), "NEVER".into(), REASON.into(), 2)]);
}

#[tokio::test]
async fn a_parked_event_that_fails_is_the_next_dead_letter_and_what_was_before_it_is_applied() {
    for fault in [Fault::Transient, Fault::Permanent, Fault::Panic, Fault::Sql] {
        let (consumer, ids) = blocked().await;
        consumer.recorder.fail(6, fault, FOR_EVER);
        assert_eq!(discard(&consumer, &ids[0]).await.unwrap(), (1, ids[2].clone()));
        assert_eq!(consumer.effects().await, [2, 4, 5, 3], "a failed event leaves nothing behind");
        let letters = consumer.dead_letters().await;
        assert_eq!(letters.len(), 1);
        assert_eq!((&letters[0].dead_letter_id, letters[0].attempts, letters[0].parked), (&ids[2], 1, false));
        assert!(!letters[0].reason.is_empty() && !letters[0].detail.is_empty(), "{letters:?}");
        let told: Vec<i64> =
            given_up(&consumer.store.db).await.into_iter().map(|(position, _)| position).collect();
        assert_eq!(told, [1, 6], "the handler takes note of each");
    }
}

#[tokio::test]
async fn a_key_whose_every_event_fails_is_freed_one_by_one() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.fail(3, Fault::Permanent, FOR_EVER);
    consumer.recorder.fail(6, Fault::Permanent, FOR_EVER);
    assert_eq!(discard(&consumer, &ids[0]).await.unwrap(), (0, ids[1].clone()));
    let letters = consumer.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.parked).collect::<Vec<_>>(), [false, true]);
    assert_eq!(discard(&consumer, &ids[1]).await.unwrap(), (0, ids[2].clone()));
    assert_eq!(discard(&consumer, &ids[2]).await.unwrap(), (0, String::new()));
    assert_eq!(consumer.dead_letters().await, []);
    assert_eq!(consumer.effects().await, [2, 4, 5]);
    assert_eq!(kept(&consumer).await.len(), 3);
}

#[tokio::test]
async fn the_next_dead_letter_can_be_redriven() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.fail(3, Fault::Transient, FOR_EVER);
    discard(&consumer, &ids[0]).await.unwrap();
    consumer.recorder.heal();
    let request = madang_api::events::v1::RedriveDeadLetterRequest { dead_letter_id: ids[1].clone() };
    let answer = consumer.dead_letter_client().redrive_dead_letter(request).await.unwrap();
    assert_eq!(answer.into_inner().applied, 2);
    assert_eq!(consumer.effects().await, [2, 4, 5, 3, 6]);
}

#[tokio::test]
async fn a_repeat_is_answered_like_the_first() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.fail(6, Fault::Permanent, FOR_EVER);
    let first = discard(&consumer, &ids[0]).await.unwrap();
    let again = ask(&consumer, &ids[0], "another reason").await.unwrap();
    assert_eq!(first, (again.applied, again.next_dead_letter_id));
    assert_eq!(consumer.effects().await, [2, 4, 5, 3]);
    assert_eq!(kept(&consumer).await[0].2, REASON);
}

#[tokio::test]
async fn a_parked_event_is_not_discarded_before_its_dead_letter() {
    let (consumer, ids) = blocked().await;
    let status = discard(&consumer, &ids[1]).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(error::reason(&status).as_deref(), Some("DEAD_LETTER_PARKED"));
    assert!(status.message().contains("behind the dead letter at position 1"), "{}", status.message());
    assert_eq!((consumer.dead_letters().await.len(), kept(&consumer).await.len()), (3, 0));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.heal();
    let request = madang_api::events::v1::RedriveDeadLetterRequest { dead_letter_id: ids[0].clone() };
    consumer.dead_letter_client().redrive_dead_letter(request).await.unwrap();
    for id in [&ids[0], "0198c0de-0000-7000-8000-000000000001"] {
        let status = discard(&consumer, id).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(error::reason(&status).as_deref(), Some("DEAD_LETTER_NOT_FOUND"));
    }
}

#[tokio::test]
async fn a_discard_that_the_database_fails_changes_nothing() {
    let (consumer, ids) = blocked().await;
    consumer.recorder.fail(3, Fault::Db, 1);
    let status = discard(&consumer, &ids[0]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!((consumer.dead_letters().await.len(), kept(&consumer).await.len()), (3, 0));
    assert_eq!(discard(&consumer, &ids[0]).await.unwrap(), (2, String::new()));
    assert_eq!(consumer.effects().await, [2, 4, 5, 3, 6]);
}

#[tokio::test]
async fn a_producer_that_is_no_longer_read_leaves_its_parked_events_to_be_discarded_too() {
    let (consumer, ids) = blocked().await;
    let leave =
        |tx: &mut madang_db::Tx<'_>| tx.execute("UPDATE events_dead_letters SET producer = 'left'", &[]);
    consumer.store.db.write::<_, madang_db::Error, _>(madang_db::Kind::Cursor, leave).await.unwrap();
    assert_eq!(discard(&consumer, &ids[0]).await.unwrap(), (0, ids[1].clone()));
    assert_eq!(consumer.dead_letters().await[0].reason, "NO_HANDLER");
    assert_eq!(discard(&consumer, &ids[1]).await.unwrap(), (0, ids[2].clone()));
    assert_eq!(discard(&consumer, &ids[2]).await.unwrap(), (0, String::new()));
}

#[tokio::test]
async fn all_that_is_wrong_with_a_request_is_told() {
    let consumer =
        Consumer::start_on(Store::threads().await, &Network::new(), Script::new(&[]), Recorder::default());
    for reason in ["", "two\nlines", &"x".repeat(201)] {
        let status = ask(&consumer, "none", reason).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields: Vec<String> = error::violations(&status).into_iter().map(|it| it.field).collect();
        assert_eq!(fields, ["dead_letter_id", "reason"], "{reason}");
    }
    let longest = "마".repeat(200);
    let status = ask(&consumer, "0198c0de-0000-7000-8000-000000000001", &longest).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn discards_at_once_on_threads_apply_what_is_parked_once() {
    let network = Network::new();
    let recorder = Recorder::default().failing(1, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start_on(Store::threads().await, &network, Script::new(&KEYS), recorder);
    consumer.reaches(6).await;
    let id = consumer.dead_letters().await.remove(0).dead_letter_id;
    let answers = futures::future::join_all((0..8).map(|_| discard(&consumer, &id))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == (2, String::new())));
    assert_eq!(consumer.effects().await, [2, 4, 5, 3, 6]);
}
