//! What producers published and how far consumers came, as operators see it.

use std::time::Duration;

use anyhow::{Context, Result};
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{
    DeadLetter, GetLastPositionRequest, GetLastPositionResponse, ListCursorsRequest, ListDeadLettersRequest,
};
use madang_api::within;
use tokio::time::Instant;

use crate::World;
use crate::shop::{USUAL, connect};

const BETWEEN: Duration = Duration::from_millis(20);
/// The longest page; no experiment has more dead letters.
const PAGE: i32 = 200;

/// How many events of a producer a consumer has not read, once it has read all or the time is over.
pub(crate) async fn unread(
    world: &dyn World,
    (consumer, producer): (&str, &str),
    limit: Duration,
) -> Result<u64> {
    let mut feed = EventFeedServiceClient::new(connect(&world.url(producer)?).await?);
    let mut cursors = CursorServiceClient::new(connect(&world.url(consumer)?).await?);
    let end = Instant::now() + limit;
    loop {
        let last = feed.get_last_position(within(USUAL, GetLastPositionRequest {})).await?.into_inner();
        let GetLastPositionResponse { position, unstamped } = last;
        let listed = cursors.list_cursors(within(USUAL, ListCursorsRequest {})).await?.into_inner().cursors;
        let cursor = listed.iter().find(|cursor| cursor.producer == producer);
        let read = cursor.with_context(|| format!("{consumer} does not read {producer}"))?.position;
        let unread = (position + unstamped).abs_diff(read);
        if unread == 0 || Instant::now() >= end {
            return Ok(unread);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// The events that a consumer set aside, and those parked behind them.
pub(crate) async fn dead_letters(world: &dyn World, consumer: &str) -> Result<Vec<DeadLetter>> {
    let mut letters = DeadLetterServiceClient::new(connect(&world.url(consumer)?).await?);
    let request = ListDeadLettersRequest { page_size: PAGE, page_token: String::new() };
    Ok(letters.list_dead_letters(within(USUAL, request)).await?.into_inner().dead_letters)
}
