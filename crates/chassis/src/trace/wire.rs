//! A span as OTLP's Protobuf has it (opentelemetry/proto/trace/v1/trace.proto), written straight to bytes: most of what a span
//! would cost otherwise is making messages of it first (bench/, `telemetry`).

use madang_types::OrderId;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use prost::encoding::{WireType, encode_varint, encoded_len_varint};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::span::{EVENTS, SpanKind, Told};
use super::value::Value;
use super::{TraceContext, names};

/// STATUS_CODE_ERROR
const ERROR: u64 = 2;
/// Bytes of a length of up to 32 GiB.
const ROOM: usize = 5;

/// Begins the fields of a span.
pub(super) fn begin(
    out: &mut Vec<u8>,
    place: &TraceContext,
    parent: Option<u64>,
    (kind, start): (SpanKind, u64),
) {
    self::place(out, place);
    if let Some(parent) = parent {
        fixed(out, [head(4), 8], parent.to_be_bytes());
    }
    varint(out, 6, kind as u64);
    fixed64(out, 7, start);
    fixed32(out, 16, place.flags.into());
}

/// Adds a span that has ended to others, as an element of `ScopeSpans.spans`.
pub(super) fn span(out: &mut Vec<u8>, told: &Told, end: u64, order: Option<OrderId>) {
    message(out, 2, |out| {
        out.extend_from_slice(&told.written);
        fixed64(out, 8, end);
        if let Some(request) = &told.request {
            add(out, names::REQUEST, Value::Text(request));
        }
        if let Some(order) = order {
            self::order(out, order);
        }
        let left_out = told.events.saturating_sub(EVENTS);
        if left_out > 0 {
            varint(out, 12, left_out as u64);
        }
        if told.is_error {
            message(out, 15, |out| varint(out, 3, ERROR));
        }
    });
}

fn place(out: &mut Vec<u8>, place: &TraceContext) {
    fixed(out, [head(1), 16], place.trace.to_be_bytes());
    fixed(out, [head(2), 8], place.span.to_be_bytes());
}

/// The attribute that most spans have: as [`add`] would write it, whose lengths are known here.
fn order(out: &mut Vec<u8>, order: OrderId) {
    const NAME: usize = names::ORDER.len();
    const VALUE: usize = Hyphenated::LENGTH;
    const HEADS: [u8; 4] = [head(9), byte(4 + NAME + 4 + VALUE - 2), head(1), byte(NAME)];
    const VALUE_HEADS: [u8; 4] = [head(2), byte(2 + VALUE), head(1), byte(VALUE)];
    let mut bytes = [0; 4 + NAME + 4 + VALUE];
    bytes[..4].copy_from_slice(&HEADS);
    bytes[4..4 + NAME].copy_from_slice(names::ORDER.as_bytes());
    bytes[4 + NAME..4 + NAME + 4].copy_from_slice(&VALUE_HEADS);
    order.uuid().as_hyphenated().encode_lower(&mut bytes[4 + NAME + 4..]);
    out.extend_from_slice(&bytes);
}

/// An attribute of a span.
pub(super) fn add(out: &mut Vec<u8>, name: &str, value: Value<'_>) {
    attribute(out, 9, name, value);
}

/// Whether an attribute of this name is among the fields of a span that are written.
pub(super) fn tells(written: &[u8], name: &str) -> bool {
    Span::decode(written).is_ok_and(|span| span.attributes.iter().any(|told| told.key == name))
}

/// An event of a span.
pub(super) fn event<'a>(
    out: &mut Vec<u8>,
    (name, time): (&str, u64),
    attributes: impl IntoIterator<Item = (&'a str, Value<'a>)>,
) {
    message(out, 11, |out| {
        fixed64(out, 1, time);
        bytes(out, 2, name.as_bytes());
        for (name, value) in attributes {
            attribute(out, 3, name, value);
        }
    });
}

/// A link of a span to another one.
pub(super) fn link(out: &mut Vec<u8>, other: &TraceContext) {
    message(out, 13, |out| {
        place(out, other);
        fixed32(out, 6, other.flags.into());
    });
}

/// The name of a span, as words with a space between each two.
pub(super) fn name(out: &mut Vec<u8>, words: &[&str]) {
    let spaces = words.len().saturating_sub(1);
    heads(out, [(5, spaces + words.iter().map(|word| word.len()).sum::<usize>())]);
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
}

/// The lengths are counted first: attributes are most of a span.
fn attribute(out: &mut Vec<u8>, tag: u32, name: &str, value: Value<'_>) {
    let length = length(value);
    heads(out, [(tag, 2 + delimited(name.len()) + delimited(length)), (1, name.len())]);
    out.extend_from_slice(name.as_bytes());
    match value {
        Value::Text(text) => text_value(out, length, text),
        Value::Id(id) => text_value(out, length, text_of(&id, &mut [0; Hyphenated::LENGTH])),
        Value::Bool(truth) => number_value(out, length, 2, u64::from(truth)),
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
fn length(value: Value<'_>) -> usize {
    1 + match value {
        Value::Text(text) => delimited(text.len()),
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

/// The head of something that has a length, for the first 15 fields.
const fn head(tag: u8) -> u8 {
    tag << 3 | WireType::LengthDelimited as u8
}

/// A length below 128 as a varint.
const fn byte(length: usize) -> u8 {
    length.to_le_bytes()[0]
}

/// Bytes whose length is always the same.
fn fixed<const N: usize>(out: &mut Vec<u8>, head: [u8; 2], value: [u8; N]) {
    out.extend_from_slice(&head);
    out.extend_from_slice(&value);
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
