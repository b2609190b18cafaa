//! The least that publishes the same: a loop over the client, with messages that are there before.

use std::collections::VecDeque;

use anyhow::{Result, ensure};
use async_nats::HeaderMap;
use async_nats::Subject;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::Config;
use bytes::Bytes;
use tokio::time::Instant;

use super::{IN_FLIGHT, Rate, STREAM, Seen};
use crate::process::own_cpu;

/// Publishes what is like the publisher's last message, to a stream like its stream.
#[derive(Debug)]
pub(super) struct Bare {
    context: Context,
    stream: Config,
    subject: Subject,
    headers: HeaderMap,
    payload: Bytes,
}

impl Bare {
    /// Like what the publisher left.
    pub(super) async fn like(context: Context) -> Result<Self> {
        let stream = context.get_stream(STREAM).await?;
        let info = stream.cached_info();
        let StreamMessage { subject, headers, payload, .. } =
            stream.get_raw_message(info.state.last_sequence).await?;
        let stream = info.config.clone();
        Ok(Self { context, stream, subject, headers, payload })
    }

    /// So many, on a new stream.
    pub(super) async fn publish(&self, events: u64) -> Result<Seen> {
        self.context.delete_stream(STREAM).await?;
        self.context.create_stream(self.stream.clone()).await?;
        let context = ContextBuilder::new().max_ack_inflight(IN_FLIGHT).build(self.context.client());
        let mut acks = VecDeque::with_capacity(IN_FLIGHT);
        let (begun, cpu) = (Instant::now(), own_cpu()?);
        for number in 1..=events {
            if acks.len() == IN_FLIGHT {
                acknowledged(&mut acks).await?;
            }
            acks.push_back(context.send_publish(self.subject.clone(), self.message(number)).await?);
        }
        while !acks.is_empty() {
            acknowledged(&mut acks).await?;
        }
        Rate { events, took: begun.elapsed(), cpu: own_cpu()?.saturating_sub(cpu) }.seen(&context).await
    }

    /// With numbers of its own.
    fn message(&self, number: u64) -> PublishMessage {
        let mut headers = self.headers.clone();
        headers.insert("Madang-Position", number.to_string());
        PublishMessage::build()
            .headers(headers)
            .message_id(format!("orders:{number}"))
            .expected_last_sequence(number - 1)
            .payload(self.payload.clone())
    }
}

/// Waits for the oldest acknowledgement.
async fn acknowledged(acks: &mut VecDeque<PublishAckFuture>) -> Result<()> {
    if let Some(ack) = acks.pop_front() {
        let ack = ack.await?;
        ensure!(!ack.duplicate, "the server knows the message: {ack:?}");
    }
    Ok(())
}
