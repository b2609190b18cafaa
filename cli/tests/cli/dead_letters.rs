use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use madang_api::error;
use madang_api::events::v1::{
    DeadLetter, DiscardDeadLetterRequest, DiscardDeadLetterResponse, Event, ListDeadLettersRequest,
    ListDeadLettersResponse, RedriveDeadLetterRequest, RedriveDeadLetterResponse,
};
use serde_json::Value;
use tonic::{Code, Status};

use crate::fake::Fake;

const LIST: &str = "/madang.events.v1.DeadLetterService/ListDeadLetters";
const REDRIVE: &str = "/madang.events.v1.DeadLetterService/RedriveDeadLetter";
const DISCARD: &str = "/madang.events.v1.DeadLetterService/DiscardDeadLetter";
const DEAD: &str = "0198c0de-0000-7000-8000-000000000001";
const OTHER: &str = "0198c0de-0000-7000-8000-000000000003";
const AT_PAYMENTS: [&str; 2] = ["--service", "payments"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn letter(id: &str, position: i64, key: &str, parked: bool) -> DeadLetter {
    let event = Event {
        event_id: id.into(),
        position,
        key: key.into(),
        r#type: "madang.events.v1.OrderConfirmed".into(),
        ..Event::default()
    };
    let (reason, detail, attempts) = if parked { ("", "", 0) } else { ("NEVER", "no such\norder", 5) };
    DeadLetter {
        dead_letter_id: id.into(),
        producer: "orders".into(),
        event: Some(event),
        reason: reason.into(),
        detail: detail.into(),
        attempts,
        parked,
    }
}

/// Two dead letters, on two pages; one event is parked behind the first. All services are this one.
fn fake() -> Fake {
    Fake::default().on(LIST, |request: ListDeadLettersRequest| {
        let (dead_letters, next) = match request.page_token.as_str() {
            "" => (vec![letter(DEAD, 7, "order-a", false)], "2"),
            _ => (vec![letter("x", 8, "order-a", true), letter(OTHER, 9, "order-b", false)], ""),
        };
        Ok(ListDeadLettersResponse { dead_letters, next_page_token: next.into() })
    })
}

fn redrive(request: &RedriveDeadLetterRequest) -> Result<RedriveDeadLetterResponse, Status> {
    match request.dead_letter_id.as_str() {
        DEAD => Ok(RedriveDeadLetterResponse { applied: 2 }),
        _ => {
            Err(error::status(Code::FailedPrecondition, "REDRIVE_FAILED", "nothing was applied: NEVER: why"))
        }
    }
}

#[tokio::test]
async fn dead_letters_are_told_with_what_is_parked_behind_them() {
    let output = fake().madang(&[&["dead-letters", "list"], &AT_PAYMENTS[..]].concat()).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert_eq!(told.lines().count(), 3, "{told}");
    let words: Vec<&str> = told.lines().nth(1).unwrap().split_whitespace().collect();
    let expected =
        ["payments", "orders", "7", "order-a", "OrderConfirmed", "NEVER", "5", "1", "no", "such", "order"];
    assert_eq!((words[0], &words[1..]), (DEAD, &expected[..]), "{told}");
}

#[tokio::test]
async fn dead_letters_of_all_consumers_are_json_for_programs() {
    let told = json(&fake().madang(&["dead-letters", "list", "--output", "json"]).await);
    let letters = told["dead_letters"].as_array().unwrap();
    assert_eq!(letters.len(), 8, "two at each of four consumers");
    assert_eq!(
        (&letters[0]["service"], &letters[7]["service"]),
        (&"inventory".into(), &"notifications".into())
    );
    assert_eq!((&letters[0]["parked"], &letters[1]["parked"]), (&1.into(), &0.into()));
    assert_eq!((&letters[0]["kind"], &letters[0]["reason"]), (&"OrderConfirmed".into(), &"NEVER".into()));
}

#[tokio::test]
async fn no_dead_letters_are_told_as_such() {
    let none = Fake::default().on(LIST, |_: ListDeadLettersRequest| Ok(ListDeadLettersResponse::default()));
    let output = none.madang(&["dead-letters", "list"]).await;
    assert_eq!(text(&output.stdout), "no dead letters\n");
}

#[tokio::test]
async fn one_consumer_that_refuses_does_not_hide_the_others() {
    let asked = AtomicUsize::new(0);
    let one = Fake::default().on(LIST, move |_: ListDeadLettersRequest| {
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(error::status(Code::Unavailable, "DATABASE_UNAVAILABLE", "not now")),
            _ => Ok(ListDeadLettersResponse {
                dead_letters: vec![letter(DEAD, 7, "order-a", false)],
                next_page_token: String::new(),
            }),
        }
    });
    let output = one.madang(&["dead-letters", "list"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).matches(DEAD).count(), 3);
    assert!(text(&output.stderr).contains("not read: reading the dead letters of"), "{output:?}");
}

#[tokio::test]
async fn one_dead_letter_is_redriven() {
    let fake = fake().on(REDRIVE, |request: RedriveDeadLetterRequest| redrive(&request));
    let output = fake.madang(&[&["dead-letters", "redrive", DEAD], &AT_PAYMENTS[..]].concat()).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("applied 2 events"), "{}", text(&output.stdout));
}

#[tokio::test]
async fn all_are_redriven_and_one_that_fails_again_ends_with_1_and_its_reason() {
    let fake = || self::fake().on(REDRIVE, |request: RedriveDeadLetterRequest| redrive(&request));
    let args = [&["dead-letters", "redrive", "--all"], &AT_PAYMENTS[..]].concat();
    let output = fake().madang(&args).await;
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(told.contains("applied 2 events") && told.contains("REDRIVE_FAILED"), "{told}");
    assert!(told.contains("nothing was applied: NEVER: why"), "{told}");
    let told = json(&fake().madang(&[&args[..], &["--output", "json"]].concat()).await);
    assert_eq!(
        (&told["redriven"][0]["applied"], &told["redriven"][0]["service"]),
        (&2.into(), &"payments".into())
    );
    assert_eq!(told["redriven"][1]["error"]["reason"], "REDRIVE_FAILED");
}

#[tokio::test]
async fn one_that_is_gone_by_then_is_no_failure() {
    let fake =
        fake().on(REDRIVE, |_: RedriveDeadLetterRequest| -> Result<RedriveDeadLetterResponse, Status> {
            Err(error::status(Code::NotFound, "DEAD_LETTER_NOT_FOUND", "there is no such dead letter"))
        });
    let output = fake.madang(&["dead-letters", "redrive", "--all"]).await;
    assert!(output.status.success(), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("gone: it was applied or discarded meanwhile"));
}

#[tokio::test]
async fn an_unknown_event_is_told() {
    for command in
        [&["dead-letters", "redrive", "nope"][..], &["dead-letters", "discard", "nope", "--reason", "x"]]
    {
        let output = fake().madang(command).await;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr), "error: no dead letter has the id nope\n");
    }
}

#[tokio::test]
async fn a_dead_letter_is_discarded_with_the_reason() {
    let fake = |next: &'static str| {
        self::fake().on(DISCARD, move |request: DiscardDeadLetterRequest| {
            assert_eq!((request.dead_letter_id.as_str(), request.reason.as_str()), (DEAD, "no such order"));
            Ok(DiscardDeadLetterResponse { applied: 1, next_dead_letter_id: next.into() })
        })
    };
    let args = ["dead-letters", "discard", DEAD, "--reason", "no such order"];
    let output = fake("").madang(&[&args[..], &AT_PAYMENTS].concat()).await;
    let told = format!("discarded {DEAD} at payments, applied 1 event parked behind it\n");
    assert_eq!(text(&output.stdout), told, "{}", text(&output.stderr));
    let told = json(&fake(OTHER).madang(&[&args[..], &AT_PAYMENTS, &["--output", "json"]].concat()).await);
    assert_eq!((&told["applied"], &told["next_dead_letter_id"]), (&1.into(), &OTHER.into()));
    // It is a dead letter of all four.
    let output = fake("").madang(&args).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("name one of them with --service"), "{output:?}");
}
