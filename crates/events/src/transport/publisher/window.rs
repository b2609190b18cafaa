//! Messages on their way to the stream: so many at most, and the next are sent while the first are acknowledged.

use std::collections::VecDeque;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use madang_chassis::chain;

use super::Trouble;
use super::place::Place;
use crate::transport::wire::Names;
use crate::{BATCH, Event};

/// What is sent, in the order of positions.
pub(super) struct Window {
    context: Context,
    names: Names,
    /// The last that is acknowledged, with all before it.
    pub(super) acknowledged: Place,
    /// Where the next is sent: where all that are on their way will have landed.
    pub(super) head: Place,
    /// Of those that are on their way, by position.
    acks: VecDeque<(i64, PublishAckFuture)>,
}

impl Window {
    /// An empty one, for one session of a publisher.
    pub(super) fn new(context: Context, names: &Names, place: Place) -> Self {
        let acks = VecDeque::with_capacity(BATCH);
        Self { context, names: names.clone(), acknowledged: place, head: place, acks }
    }

    /// Sends an event behind all that are on their way, when there is room for it.
    pub(super) async fn send(&mut self, event: &Event) -> Result<(), Trouble> {
        if self.acks.len() == BATCH {
            self.acknowledge_one().await?;
        }
        let after = self.head.sequence;
        let subject = self.names.subject(event);
        madang_crash::point(|| "nats/publish/before");
        let mut sent = self.context.send_publish(subject.clone(), self.names.message(event, after)).await;
        if sent.as_ref().is_err_and(|error| error.kind() == PublishErrorKind::MaxPayloadExceeded) {
            sent = self.context.send_publish(subject, self.names.stub(event, after)).await;
        }
        let ack = sent.map_err(|error| Trouble::Refused(event.position, chain(&error)))?;
        self.acks.push_back((event.position, ack));
        self.head = Place { position: event.position, sequence: after + 1 };
        Ok(())
    }

    /// Waits until all are acknowledged.
    pub(super) async fn acknowledge_all(&mut self) -> Result<(), Trouble> {
        while !self.acks.is_empty() {
            self.acknowledge_one().await?;
        }
        // It may have been led past what was pruned.
        self.acknowledged = self.head;
        Ok(())
    }

    async fn acknowledge_one(&mut self) -> Result<(), Trouble> {
        let Some((position, ack)) = self.acks.pop_front() else { return Ok(()) };
        let expected = self.acknowledged.sequence + 1;
        match ack.await {
            Ok(ack) if ack.sequence == expected => {
                self.acknowledged = Place { position, sequence: expected };
                madang_crash::point(|| "nats/publish/after");
                Ok(())
            }
            // The server knows its id from a time that the stream does not show any more.
            Ok(_) => Err(Trouble::Refused(position, "it counts as a repeat".to_owned())),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Err(Trouble::Overtaken),
            Err(error) => Err(Trouble::Refused(position, chain(&error))),
        }
    }
}
