use bytes::Bytes;
use jiff::Timestamp;
use madang_api::convert;
use madang_api::events::v1;
use madang_db::{Row, Value, params};
use prost::{Message, Name};
use uuid::Uuid;

use crate::Failure;

/// A fact to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) kind: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) occur_time: Timestamp,
    pub(crate) traceparent: String,
}

/// A fact that a producer published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: Uuid,
    /// Its place in the producer's log: from 1, without gaps.
    pub position: i64,
    /// Events of one key are applied in order; in the shop, the order's id.
    pub key: String,
    /// Full name of the payload's message, such as `madang.events.v1.OrderConfirmed`.
    pub kind: String,
    /// The payload, encoded.
    pub payload: Bytes,
    /// When it happened, to the microsecond.
    pub occur_time: Timestamp,
    /// The W3C traceparent of what made it happen; may be empty.
    pub traceparent: String,
}

impl NewEvent {
    /// A fact about `key` that happened `at` this time, with a message of `madang.events.v1` as its payload. It carries the
    /// trace of the span it is made in.
    ///
    /// Make it, or at least its id, outside of the transaction's closure: a closure that runs again must publish the same.
    pub fn new<M: Message + Name>(id: Uuid, key: impl Into<String>, at: Timestamp, payload: &M) -> Self {
        Self {
            id,
            key: key.into(),
            kind: M::full_name(),
            payload: payload.encode_to_vec(),
            occur_time: at,
            traceparent: madang_chassis::trace::traceparent().unwrap_or_default(),
        }
    }

    /// The same fact with the traceparent of what made it happen, where that is not the current span: a handler passes that of
    /// its event on, since a redrive runs it within the operator's trace.
    #[must_use]
    pub fn caused_by(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = traceparent.into();
        self
    }
}

impl Event {
    /// Whether the payload is an `M`.
    pub fn is<M: Name>(&self) -> bool {
        // Its parts, and not `full_name`, which is made anew each time: a handler asks for one type after the other.
        let package = self.kind.strip_suffix(M::NAME).and_then(|rest| rest.strip_suffix('.'));
        package == Some(M::PACKAGE)
    }

    /// Its type without the package, such as `OrderConfirmed`.
    pub(crate) fn name(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }

    /// The payload as an `M`.
    ///
    /// # Errors
    /// [`Failure::Permanent`]: EVENT_OF_OTHER_TYPE, EVENT_UNREADABLE. Neither gets better by trying again.
    pub fn decode<M: Message + Name + Default>(&self) -> Result<M, Failure> {
        if !self.is::<M>() {
            let detail = format!("expected {}, found {}", M::full_name(), self.kind);
            return Err(Failure::Permanent { reason: "EVENT_OF_OTHER_TYPE", detail });
        }
        M::decode(self.payload.clone())
            .map_err(|cause| Failure::Permanent { reason: "EVENT_UNREADABLE", detail: cause.to_string() })
    }

    /// The columns from `first` on: position, event_id, event_key, kind, payload, occurred_at, traceparent.
    pub(crate) fn from_row(row: &Row, first: usize) -> Result<Self, madang_db::Error> {
        Ok(Self {
            position: row.get(first)?,
            id: row.get(first + 1)?,
            key: row.get(first + 2)?,
            kind: row.get(first + 3)?,
            payload: row.get::<Vec<u8>>(first + 4)?.into(),
            occur_time: time_from_row(row, first + 5)?,
            traceparent: row.get(first + 6)?,
        })
    }

    /// The values of the columns that [`Event::from_row`] reads.
    pub(crate) fn columns(&self) -> [Value; 7] {
        params![
            self.position,
            self.id,
            &self.key,
            &self.kind,
            &self.payload[..],
            self.occur_time.as_microsecond(),
            &self.traceparent
        ]
    }
}

fn time_from_row(row: &Row, index: usize) -> Result<Timestamp, madang_db::Error> {
    let found = "out of range";
    Timestamp::from_microsecond(row.get(index)?).map_err(|_| madang_db::Error::Row {
        index,
        expected: "microseconds since 1970",
        found,
    })
}

impl From<Event> for v1::Event {
    fn from(event: Event) -> Self {
        Self {
            event_id: event.id.to_string(),
            position: event.position,
            key: event.key,
            r#type: event.kind,
            payload: event.payload.into(),
            occur_time: Some(convert::timestamp(event.occur_time)),
            traceparent: event.traceparent,
        }
    }
}

/// Why a message is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event without a valid {0}")]
pub struct Malformed(&'static str);

impl TryFrom<v1::Event> for Event {
    type Error = Malformed;

    fn try_from(event: v1::Event) -> Result<Self, Malformed> {
        Ok(Self {
            id: Uuid::try_parse(&event.event_id).map_err(|_| Malformed("event_id"))?,
            position: Some(event.position).filter(|at| *at > 0).ok_or(Malformed("position"))?,
            key: event.key,
            kind: event.r#type,
            payload: event.payload.into(),
            occur_time: event.occur_time.and_then(convert::moment).ok_or(Malformed("occur_time"))?,
            traceparent: event.traceparent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirmed() -> v1::OrderConfirmed {
        v1::OrderConfirmed { order_id: "o".into(), customer_id: "mina".into(), total: None }
    }

    fn event() -> Event {
        let new = NewEvent::new(Uuid::from_u128(7), "o", Timestamp::UNIX_EPOCH, &confirmed());
        Event {
            id: new.id,
            position: 3,
            key: new.key,
            kind: new.kind,
            payload: new.payload.into(),
            occur_time: new.occur_time,
            traceparent: new.traceparent,
        }
    }

    #[test]
    fn an_event_says_what_it_is() {
        assert_eq!(event().kind, "madang.events.v1.OrderConfirmed");
        assert!(event().is::<v1::OrderConfirmed>() && !event().is::<v1::OrderCancelled>());
        let other = |kind: &str| Event { kind: kind.into(), ..event() }.is::<v1::OrderConfirmed>();
        assert!(
            !other("OrderConfirmed")
                && !other(".OrderConfirmed")
                && !other("madang.events.v2.OrderConfirmed")
        );
        assert_eq!(event().decode::<v1::OrderConfirmed>().unwrap(), confirmed());
    }

    #[test]
    fn a_payload_of_another_type_or_a_broken_one_fails_for_good() {
        let failed = |event: Event| event.decode::<v1::OrderConfirmed>().unwrap_err().reason().to_owned();
        assert_eq!(failed(Event { kind: "x".into(), ..event() }), "EVENT_OF_OTHER_TYPE");
        assert_eq!(failed(Event { payload: Bytes::from_static(&[0xff]), ..event() }), "EVENT_UNREADABLE");
    }

    #[tokio::test]
    async fn an_event_carries_the_trace_it_is_made_in() {
        let ids = madang_chassis::testing::SeededIds::new(1);
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let make = || NewEvent::new(Uuid::nil(), "o", Timestamp::UNIX_EPOCH, &confirmed());
        assert_eq!(make().traceparent, "");
        let traced = madang_chassis::trace::follow(&ids, "work", given, async { make() }).await;
        assert_eq!(traced.traceparent, given);
        assert_eq!(make().caused_by(given).traceparent, given);
    }

    #[test]
    fn an_event_survives_the_wire_and_a_malformed_one_is_refused() {
        let wire = v1::Event::from(event());
        assert_eq!(Event::try_from(wire.clone()), Ok(event()));
        let bad = |change: fn(&mut v1::Event)| {
            let mut wire = wire.clone();
            change(&mut wire);
            Event::try_from(wire).unwrap_err()
        };
        assert_eq!(bad(|wire| wire.event_id.clear()), Malformed("event_id"));
        assert_eq!(bad(|wire| wire.position = 0), Malformed("position"));
        assert_eq!(bad(|wire| wire.occur_time = None), Malformed("occur_time"));
    }
}
