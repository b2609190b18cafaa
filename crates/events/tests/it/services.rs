use std::time::Duration;

use madang_api::error;
use madang_api::events::v1::ListDeadLettersRequest;
use madang_chassis::Network;
use tonic::Code;

use crate::script::Script;
use crate::world::{Consumer, FOR_EVER, Fault, PRODUCER, Recorder};

fn request(page_size: i32, page_token: &str) -> ListDeadLettersRequest {
    ListDeadLettersRequest { page_size, page_token: page_token.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_listed_page_by_page() {
    let keys = ["a"; 7];
    let recorder = Recorder::default().failing(2, Fault::Permanent, FOR_EVER);
    let consumer = Consumer::start(&Network::new(), Script::new(&keys), recorder);
    consumer.reaches(7).await;
    let mut client = consumer.dead_letter_client();
    let (mut positions, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = client.list_dead_letters(request(4, &token)).await.unwrap().into_inner();
        positions.extend(page.dead_letters.into_iter().map(|letter| letter.event.unwrap().position));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((positions, pages), (vec![2, 3, 4, 5, 6, 7], 2));
}

#[tokio::test(start_paused = true)]
async fn a_bad_page_is_refused() {
    let consumer = Consumer::start(&Network::new(), Script::new(&[]), Recorder::default());
    let mut client = consumer.dead_letter_client();
    for (request, reason) in
        [(request(-1, ""), "INVALID_REQUEST"), (request(0, "forged"), "INVALID_PAGE_TOKEN")]
    {
        let status = client.list_dead_letters(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(error::reason(&status).as_deref(), Some(reason));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_listed_before_its_first_event() {
    let consumer = Consumer::start(&Network::new(), Script::new(&[]), Recorder::default());
    tokio::time::sleep(Duration::from_millis(1)).await;
    let cursor = consumer.cursor().await;
    assert_eq!((cursor.producer.as_str(), cursor.position, cursor.alarm.as_str()), (PRODUCER, 0, ""));
}
