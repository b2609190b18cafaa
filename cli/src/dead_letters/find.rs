use std::collections::HashMap;

use anyhow::{Context, Error, Result};
use futures::future;
use madang_api::events::v1::dead_letter_service_client::DeadLetterServiceClient;
use madang_api::events::v1::{DeadLetter, Event, ListDeadLettersRequest};
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::client::{self, PAGE_SIZE, call};
use crate::shop::{Service, Shop};

/// A dead letter at its consumer, and how many events are parked behind it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) service: Service,
    pub(super) letter: DeadLetter,
    pub(super) parked: usize,
}

impl Block {
    pub(super) fn id(&self) -> &str {
        &self.letter.dead_letter_id
    }

    pub(super) fn is(&self, id: &str) -> bool {
        self.id().eq_ignore_ascii_case(id)
    }

    pub(super) fn key(&self) -> &str {
        self.letter.event.as_ref().map_or("", |event| &event.key)
    }

    /// The event's type without its package, such as `OrderConfirmed`.
    pub(super) fn kind(&self) -> &str {
        let kind = self.letter.event.as_ref().map_or("", |event| event.r#type.as_str());
        kind.rsplit('.').next().unwrap_or_default()
    }

    pub(super) fn position(&self) -> i64 {
        self.letter.event.as_ref().map_or(0, |event| event.position)
    }

    /// For programs.
    pub(super) fn value(&self) -> Value {
        let DeadLetter { producer, reason, detail, attempts, .. } = &self.letter;
        json!({
            "service": self.service,
            "event_id": self.id(),
            "producer": producer,
            "position": self.position(),
            "key": self.key(),
            "kind": self.kind(),
            "reason": reason,
            "detail": detail,
            "attempts": attempts,
            "parked": self.parked,
        })
    }
}

/// The dead letters of those consumers that can be reached, and why the others cannot.
///
/// # Errors
/// Where none can be.
pub(super) async fn reachable(shop: &Shop, services: &[Service]) -> Result<(Vec<Block>, Vec<Error>)> {
    let (mut blocks, mut lost) = (Vec::new(), Vec::new());
    for read in future::join_all(services.iter().map(|service| of(shop, *service))).await {
        match read {
            Ok(found) => blocks.extend(found),
            Err(error) => lost.push(error),
        }
    }
    match lost.pop() {
        Some(last) if lost.len() + 1 == services.len() => Err(last),
        last => {
            lost.extend(last);
            Ok((blocks, lost))
        }
    }
}

/// The dead letters of all these consumers.
///
/// # Errors
/// Where one of them cannot be reached.
pub(super) async fn all(shop: &Shop, services: &[Service]) -> Result<Vec<Block>> {
    let read = future::try_join_all(services.iter().map(|service| of(shop, *service))).await?;
    Ok(read.into_iter().flatten().collect())
}

pub(super) async fn client(shop: &Shop, service: Service) -> Result<DeadLetterServiceClient<Channel>> {
    Ok(DeadLetterServiceClient::new(client::connect(shop.url(service)).await?))
}

async fn of(shop: &Shop, service: Service) -> Result<Vec<Block>> {
    let client = client(shop, service).await?;
    let page = async |page_token| {
        let request = ListDeadLettersRequest { page_size: PAGE_SIZE, page_token };
        let answer = client.clone().list_dead_letters(call(request)).await?.into_inner();
        Ok((answer.dead_letters, answer.next_page_token))
    };
    let letters =
        client::all(page).await.with_context(|| format!("reading the dead letters of {service}"))?;
    Ok(blocks(service, letters))
}

/// Each dead letter with the number of those that are parked behind it.
fn blocks(service: Service, letters: Vec<DeadLetter>) -> Vec<Block> {
    let key = |letter: &DeadLetter| {
        let key = letter.event.as_ref().map(|Event { key, .. }| key.clone());
        (letter.producer.clone(), key.unwrap_or_default())
    };
    let (parked, dead): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.parked);
    let mut counts: HashMap<_, usize> = HashMap::new();
    for letter in &parked {
        *counts.entry(key(letter)).or_default() += 1;
    }
    let block = |letter: DeadLetter| {
        let parked = counts.get(&key(&letter)).copied().unwrap_or_default();
        Block { service, letter, parked }
    };
    dead.into_iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parked_events_are_counted_to_the_dead_letter_of_their_producer_and_key() {
        let letter = |producer: &str, key: &str, parked| DeadLetter {
            producer: producer.into(),
            event: Some(Event { key: key.into(), ..Event::default() }),
            parked,
            ..DeadLetter::default()
        };
        let letters = vec![
            letter("orders", "a", false),
            letter("orders", "b", false),
            letter("orders", "a", true),
            letter("payments", "a", false),
            letter("orders", "a", true),
        ];
        let parked = blocks(Service::Inventory, letters).iter().map(|it| it.parked).collect::<Vec<_>>();
        assert_eq!(parked, [2, 0, 0]);
    }
}
