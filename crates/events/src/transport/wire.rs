//! An event as a message of the stream.

use async_nats::HeaderMap;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use madang_api::events::v1;
use prost::Message as _;
use uuid::Uuid;

use crate::Event;

pub(super) const POSITION: &str = "Madang-Position";
pub(super) const EVENT_ID: &str = "Madang-Event-Id";
const TYPE: &str = "Madang-Type";
const TRACEPARENT: &str = "traceparent";

/// The producer's names at NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    producer: &'static str,
    /// The stream, such as `MADANG_ORDERS`.
    pub(super) stream: String,
    /// All its subjects, such as `madang.orders.>`.
    pub(super) subjects: String,
}

/// What the headers tell of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) position: i64,
    pub(super) id: Uuid,
}

impl Names {
    pub(super) fn new(producer: &'static str) -> Self {
        let word = token(producer);
        let stream = format!("MADANG_{}", word.to_ascii_uppercase());
        Self { producer, stream, subjects: format!("madang.{word}.>") }
    }

    /// Where an event is published, such as `madang.orders.OrderConfirmed`.
    pub(super) fn subject(&self, event: &Event) -> String {
        format!("madang.{}.{}", token(self.producer), token(event.name()))
    }

    /// The event's message, to follow the stream's sequence `after`: the server refuses it anywhere else.
    pub(super) fn message(&self, event: &Event, after: u64) -> PublishMessage {
        let body = v1::Event::from(event.clone()).encode_to_vec();
        self.stub(event, after).payload(body.into())
    }

    /// The same without a body, for an event that is larger than the server takes: its reader asks the feed.
    pub(super) fn stub(&self, event: &Event, after: u64) -> PublishMessage {
        let mut headers = HeaderMap::new();
        headers.insert(POSITION, event.position.to_string());
        headers.insert(EVENT_ID, event.id.to_string());
        // A line's end in a header would forge the next one.
        for (name, text) in [(TYPE, &event.kind), (TRACEPARENT, &event.traceparent)] {
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
                headers.insert(name, text.as_str());
            }
        }
        let id = format!("{}:{}", self.producer, event.position);
        // The headers first: they replace all that there are.
        PublishMessage::build()
            .headers(headers)
            .message_id(id)
            .expected_stream(&self.stream)
            .expected_last_sequence(after)
    }
}

/// A word of a subject, and of a stream's name: neither takes dots, spaces or wildcards.
fn token(text: &str) -> String {
    let word = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    text.chars().map(word).collect()
}

/// The event in a message; none for a body that is absent or no event.
pub(super) fn event(payload: Bytes) -> Option<Event> {
    Event::try_from(v1::Event::decode(payload).ok()?).ok()
}

/// What the headers tell; none where the message is not of a publisher of ours.
pub(super) fn mark(headers: &HeaderMap) -> Option<Mark> {
    let position = headers.get(POSITION)?.as_str().parse().ok().filter(|position| *position > 0)?;
    Some(Mark { position, id: headers.get(EVENT_ID)?.as_str().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn event_of(kind: &str, traceparent: &str) -> Event {
        Event {
            id: Uuid::from_u128(7),
            position: 3,
            key: "o".into(),
            kind: kind.into(),
            payload: Bytes::from_static(b"x"),
            occur_time: Timestamp::UNIX_EPOCH,
            traceparent: traceparent.into(),
        }
    }

    #[test]
    fn a_producer_has_a_stream_and_each_type_a_subject() {
        let names = Names::new("orders");
        assert_eq!((names.stream.as_str(), names.subjects.as_str()), ("MADANG_ORDERS", "madang.orders.>"));
        let subject = |kind| names.subject(&event_of(kind, ""));
        assert_eq!(subject("madang.events.v1.OrderConfirmed"), "madang.orders.OrderConfirmed");
        assert_eq!(subject("a b*"), "madang.orders.a_b_");
    }

    #[test]
    fn a_message_carries_the_event_its_position_and_its_trace() {
        let traced = event_of("madang.events.v1.OrderConfirmed", "00-4bf9-00f0-01");
        let sent = Names::new("orders").message(&traced, 2).outbound_message("madang.orders.OrderConfirmed");
        let headers = sent.headers.unwrap();
        assert_eq!(mark(&headers), Some(Mark { position: 3, id: Uuid::from_u128(7) }));
        let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(header("traceparent").as_deref(), Some("00-4bf9-00f0-01"));
        assert_eq!(header("Nats-Msg-Id").as_deref(), Some("orders:3"));
        assert_eq!(header("Nats-Expected-Last-Sequence").as_deref(), Some("2"));
        assert_eq!(event(sent.payload), Some(traced));
    }

    #[test]
    fn what_is_no_event_is_none() {
        assert_eq!(event(Bytes::new()), None);
        assert_eq!(event(Bytes::from_static(&[0xff])), None);
        assert_eq!(mark(&HeaderMap::new()), None);
    }

    #[test]
    fn a_traceparent_with_a_line_in_it_is_left_out_of_the_headers() {
        let forged = event_of("OrderConfirmed", "00\r\nNats-Rollup: all");
        let headers = Names::new("orders").stub(&forged, 0).outbound_message("s").headers.unwrap();
        assert!(headers.get("traceparent").is_none());
    }
}
