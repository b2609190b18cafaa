//! A span as OTLP's Protobuf has it (opentelemetry/proto/trace/v1/trace.proto), written straight to bytes: most of what a span
//! would cost otherwise is making messages of it first (bench/, `telemetry`).

use prost::encoding::{WireType, encode_key, encode_varint};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::span::{Event, Finished};
use super::value::Value;
use super::{TraceContext, names};

/// STATUS_CODE_ERROR
const ERROR: u64 = 2;

/// Adds a span, as an element of `ScopeSpans.spans`.
pub(super) fn span(out: &mut Vec<u8>, span: &Finished<'_>) {
    message(out, 2, |out| {
        place(out, &span.place);
        if span.parent != 0 {
            bytes(out, 4, &span.parent.to_be_bytes());
        }
        bytes(out, 5, span.told.name.as_str().as_bytes());
        varint(out, 6, span.kind as u64);
        fixed64(out, 7, span.start);
        fixed64(out, 8, span.end);
        for (name, value) in &span.told.attributes {
            attribute(out, 9, name, value);
        }
        if let Some(order) = span.order {
            attribute(out, 9, names::ORDER, &Value::Id(order.uuid()));
        }
        for event in &span.told.events {
            message(out, 11, |out| self::event(out, event));
        }
        if span.told.events_left_out > 0 {
            varint(out, 12, span.told.events_left_out.into());
        }
        for link in &span.told.links {
            message(out, 13, |out| {
                place(out, link);
                fixed32(out, 6, link.flags.into());
            });
        }
        if span.told.is_error {
            message(out, 15, |out| varint(out, 3, ERROR));
        }
        fixed32(out, 16, span.place.flags.into());
    });
}

fn place(out: &mut Vec<u8>, place: &TraceContext) {
    bytes(out, 1, &place.trace.to_be_bytes());
    bytes(out, 2, &place.span.to_be_bytes());
}

fn event(out: &mut Vec<u8>, event: &Event) {
    fixed64(out, 1, event.time);
    bytes(out, 2, event.name.as_bytes());
    for (name, value) in &event.attributes {
        attribute(out, 3, name.as_str(), value);
    }
}

fn attribute(out: &mut Vec<u8>, tag: u32, name: &str, value: &Value) {
    message(out, tag, |out| {
        bytes(out, 1, name.as_bytes());
        message(out, 2, |out| any(out, value));
    });
}

fn any(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => bytes(out, 1, text.as_str().as_bytes()),
        Value::Id(id) => bytes(out, 1, text_of(id, &mut [0; Hyphenated::LENGTH]).as_bytes()),
        Value::Bool(truth) => varint(out, 2, u64::from(*truth)),
        Value::Int(number) => varint(out, 3, number.cast_unsigned()),
    }
}

fn text_of<'a>(id: &Uuid, buffer: &'a mut [u8; Hyphenated::LENGTH]) -> &'a str {
    id.as_hyphenated().encode_lower(buffer)
}

/// A message within: its length is written once it is known.
pub(crate) fn message(out: &mut Vec<u8>, tag: u32, content: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, out);
    let start = out.len();
    // Most are shorter than what one byte of length tells.
    out.push(0);
    content(out);
    let length = out.len() - start - 1;
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => out[start] = short,
        Ok(_) | Err(_) => {
            let mut told = Vec::with_capacity(4);
            encode_varint(length as u64, &mut told);
            out.splice(start..=start, told);
        }
    }
}

/// Bytes or a text.
pub(crate) fn bytes(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::Varint, out);
    encode_varint(value, out);
}

fn fixed64(out: &mut Vec<u8>, tag: u32, value: u64) {
    encode_key(tag, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(out: &mut Vec<u8>, tag: u32, value: u32) {
    encode_key(tag, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
