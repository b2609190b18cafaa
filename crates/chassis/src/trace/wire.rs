//! A span as OTLP's Protobuf has it (opentelemetry/proto/trace/v1/trace.proto), written straight to bytes: most of what a span
//! would cost otherwise is making messages of it first (bench/, `telemetry`).

use prost::encoding::{WireType, encode_varint, encoded_len_varint};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::span::{Event, Finished};
use super::value::{Text, Value};
use super::{TraceContext, names};

/// STATUS_CODE_ERROR
const ERROR: u64 = 2;
/// Bytes of a length of up to 32 GiB.
const ROOM: usize = 5;

/// Adds a span, as an element of `ScopeSpans.spans`.
pub(super) fn span(out: &mut Vec<u8>, span: &Finished<'_>) {
    message(out, 2, |out| {
        place(out, &span.place);
        if span.parent != 0 {
            bytes(out, 4, &span.parent.to_be_bytes());
        }
        words(out, 5, &span.told.name);
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

/// A text, as its words with a space between each two.
fn words(out: &mut Vec<u8>, tag: u32, words: &[Text]) {
    let spaces = words.len().saturating_sub(1);
    heads(out, [(tag, spaces + words.iter().map(|word| word.as_str().len()).sum::<usize>())]);
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_str().as_bytes());
    }
}

/// The lengths are counted first: attributes are most of a span.
fn attribute(out: &mut Vec<u8>, tag: u32, name: &str, value: &Value) {
    let length = length(value);
    heads(out, [(tag, 2 + delimited(name.len()) + delimited(length)), (1, name.len())]);
    out.extend_from_slice(name.as_bytes());
    match value {
        Value::Text(text) => text_value(out, length, text.as_str()),
        Value::Id(id) => text_value(out, length, text_of(id, &mut [0; Hyphenated::LENGTH])),
        Value::Bool(truth) => number_value(out, length, 2, u64::from(*truth)),
        Value::Int(number) => number_value(out, length, 3, number.cast_unsigned()),
    }
}

fn text_value(out: &mut Vec<u8>, length: usize, text: &str) {
    heads(out, [(2, length), (1, text.len())]);
    out.extend_from_slice(text.as_bytes());
}

fn number_value(out: &mut Vec<u8>, length: usize, tag: u32, value: u64) {
    heads(out, [(2, length)]);
    varint(out, tag, value);
}

/// Bytes of a value, without the head that says them.
fn length(value: &Value) -> usize {
    1 + match value {
        Value::Text(text) => delimited(text.as_str().len()),
        Value::Id(_) => delimited(Hyphenated::LENGTH),
        Value::Bool(_) => 1,
        Value::Int(number) => encoded_len_varint(number.cast_unsigned()),
    }
}

/// Bytes of something that is so long, with its length.
fn delimited(length: usize) -> usize {
    encoded_len_varint(length as u64) + length
}

fn text_of<'a>(id: &Uuid, buffer: &'a mut [u8; Hyphenated::LENGTH]) -> &'a str {
    id.as_hyphenated().encode_lower(buffer)
}

/// A message within. There is room for any length before it, so that nothing is moved once it is known: a varint may be longer
/// than it needs to be.
pub(crate) fn message(out: &mut Vec<u8>, tag: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, tag, WireType::LengthDelimited);
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    content(out);
    let mut length = out.len() - start - ROOM;
    for byte in &mut out[start..start + ROOM] {
        *byte = length.to_le_bytes()[0] | 0x80;
        length >>= 7;
    }
    out[start + ROOM - 1] &= 0x7f;
}

/// Bytes or a text.
pub(crate) fn bytes(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    heads(out, [(tag, value.len())]);
    out.extend_from_slice(value);
}

fn key(out: &mut Vec<u8>, tag: u32, wire: WireType) {
    number(out, u64::from(tag << 3 | wire as u32));
}

/// What stands before something that is so long, and before the first thing in it. The numbers mostly take a byte each.
#[inline]
fn heads<const N: usize>(out: &mut Vec<u8>, heads: [(u32, usize); N]) {
    if heads.iter().all(|(tag, length)| *tag < 16 && *length < 0x80) {
        let short = heads.map(|(tag, length)| {
            let key = tag << 3 | WireType::LengthDelimited as u32;
            [key.to_le_bytes()[0], length.to_le_bytes()[0]]
        });
        out.extend_from_slice(short.as_flattened());
    } else {
        for (tag, length) in heads {
            long_head(out, tag, length);
        }
    }
}

#[cold]
fn long_head(out: &mut Vec<u8>, tag: u32, length: usize) {
    key(out, tag, WireType::LengthDelimited);
    number(out, length as u64);
}

/// A varint. Most are of one byte.
#[inline]
fn number(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(short @ 0..0x80) => out.push(short),
        Ok(_) | Err(_) => long_number(out, value),
    }
}

#[cold]
fn long_number(out: &mut Vec<u8>, value: u64) {
    encode_varint(value, out);
}

fn varint(out: &mut Vec<u8>, tag: u32, value: u64) {
    key(out, tag, WireType::Varint);
    number(out, value);
}

fn fixed64(out: &mut Vec<u8>, tag: u32, value: u64) {
    key(out, tag, WireType::SixtyFourBit);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(out: &mut Vec<u8>, tag: u32, value: u32) {
    key(out, tag, WireType::ThirtyTwoBit);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
