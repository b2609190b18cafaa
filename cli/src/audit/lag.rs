//! How far each consumer is behind each producer.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use madang_api::events::v1::cursor_service_client::CursorServiceClient;
use madang_api::events::v1::event_feed_service_client::EventFeedServiceClient;
use madang_api::events::v1::{Cursor, GetLastPositionRequest, ListCursorsRequest};
use serde_json::{Value, json};

use crate::client::{self, call};
use crate::shop::{Service, Shop};

/// Where a consumer stands in a producer's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Who reads.
    pub consumer: Service,
    /// Whose log.
    pub producer: Service,
    /// Events that wait: given a position or not yet.
    pub events: i64,
    /// Dead letters, and the events parked behind them.
    pub dead_letters: i64,
    /// Why reading stopped for good; empty otherwise.
    pub alarm: String,
}

impl Lag {
    fn new(consumer: Service, producer: Service, end: i64, cursor: Option<&Cursor>) -> Self {
        Self {
            consumer,
            producer,
            events: (end - cursor.map_or(0, |cursor| cursor.position)).max(0),
            dead_letters: cursor.map_or(0, |cursor| cursor.dead_letters + cursor.parked),
            alarm: cursor.map_or_else(String::new, |cursor| cursor.alarm.clone()),
        }
    }

    /// For programs.
    pub fn value(&self) -> Value {
        json!({
            "consumer": self.consumer,
            "producer": self.producer,
            "events": self.events,
            "dead_letters": self.dead_letters,
            "alarm": self.alarm,
        })
    }
}

/// Asks all producers and consumers.
///
/// The cursors are read first. An event that a consumer had not applied then, or that it made by applying one, is in a log when
/// the logs' ends are read: so where all lags are zero, nothing was under way.
///
/// # Errors
/// Where one of them cannot be asked.
pub async fn read(shop: &Shop) -> Result<Vec<Lag>> {
    let mut cursors = BTreeMap::new();
    for consumer in Service::consumers() {
        cursors.insert(consumer, cursors_of(shop, consumer).await?);
    }
    let mut ends = BTreeMap::new();
    for producer in Service::PRODUCERS {
        ends.insert(producer, end_of(shop, producer).await?);
    }
    let lag = |consumer: Service, cursors: &[Cursor], producer: Service| {
        let cursor = cursors.iter().find(|cursor| cursor.producer == producer.name());
        Lag::new(consumer, producer, ends.get(&producer).copied().unwrap_or_default(), cursor)
    };
    let lags = cursors.iter().flat_map(|(consumer, cursors)| {
        consumer.consumes().iter().map(move |producer| lag(*consumer, cursors, *producer))
    });
    Ok(lags.collect())
}

async fn cursors_of(shop: &Shop, consumer: Service) -> Result<Vec<Cursor>> {
    let mut client = CursorServiceClient::new(client::connect(shop.url(consumer)).await?);
    let answer = client.list_cursors(call(ListCursorsRequest {})).await;
    Ok(answer.with_context(|| format!("reading the cursors of {consumer}"))?.into_inner().cursors)
}

async fn end_of(shop: &Shop, producer: Service) -> Result<i64> {
    let mut client = EventFeedServiceClient::new(client::connect(shop.url(producer)).await?);
    let answer = client.get_last_position(call(GetLastPositionRequest {})).await;
    let answer = answer.with_context(|| format!("reading the last position of {producer}"))?.into_inner();
    Ok(answer.position + answer.unstamped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_position_yet_and_what_was_never_read_lags_too() {
        let cursor = Cursor {
            producer: "orders".into(),
            position: 7,
            dead_letters: 1,
            parked: 2,
            ..Cursor::default()
        };
        let lag = Lag::new(Service::Inventory, Service::Orders, 9, Some(&cursor));
        assert_eq!((lag.events, lag.dead_letters), (2, 3));
        assert_eq!(Lag::new(Service::Inventory, Service::Orders, 9, None).events, 9);
    }
}
