//! What senders say, within bounds.

use madang_spans::Value;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// Bytes of a name at most.
pub(super) const NAME: usize = 256;
/// Bytes of any other text at most.
pub(super) const TEXT: usize = 2_048;
/// Attributes of a span and its events together, at most.
const ATTRIBUTES: usize = 128;
/// Bytes of their texts together, at most.
const BYTES: usize = 16 * 1024;
/// Lists and maps within each other; what is deeper is told as `…`.
const DEPTH: usize = 4;

/// What is left for attributes of a span.
pub(super) struct Room {
    attributes: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { attributes: ATTRIBUTES, bytes: BYTES }
    }

    /// An attribute within its bounds; none where there is no room left.
    pub(super) fn take(&mut self, attribute: &KeyValue) -> Option<(String, Value)> {
        let value = attribute.value.as_ref().map_or_else(|| Value::from(""), value);
        let name = cut(&attribute.key, NAME);
        self.attributes = self.attributes.checked_sub(1)?;
        self.bytes = self.bytes.checked_sub(name.len() + value.bytes())?;
        Some((name, value))
    }
}

/// A value within its bounds.
pub(super) fn value(any: &AnyValue) -> Value {
    match &any.value {
        Some(Any::StringValue(text)) => Value::Text(cut(text, TEXT)),
        Some(Any::BoolValue(it)) => Value::Bool(*it),
        Some(Any::IntValue(it)) => Value::Int(*it),
        // JSON has no other numbers.
        Some(Any::DoubleValue(it)) if it.is_finite() => Value::Double(*it),
        _ => {
            let mut text = String::new();
            write(any, DEPTH, &mut text);
            Value::Text(cut(&text, TEXT))
        }
    }
}

/// The beginning of a text, of so many bytes at most, with a `…` where something is cut off.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub('…'.len_utf8());
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &text[..end])
}

fn write(any: &AnyValue, depth: usize, text: &mut String) {
    if depth == 0 || text.len() > TEXT {
        return text.push('…');
    }
    match &any.value {
        None => {}
        Some(Any::StringValue(it)) => text.push_str(&cut(it, TEXT)),
        Some(Any::BoolValue(it)) => text.push_str(&it.to_string()),
        Some(Any::IntValue(it)) => text.push_str(&it.to_string()),
        Some(Any::DoubleValue(it)) => text.push_str(&it.to_string()),
        Some(Any::BytesValue(it)) => text.push_str(&format!("{} bytes", it.len())),
        Some(Any::ArrayValue(it)) => write_all(&it.values, depth, text),
        Some(Any::KvlistValue(it)) => {
            let values: Vec<AnyValue> = it.values.iter().take(ATTRIBUTES).map(pair).collect();
            write_all(&values, depth, text);
        }
        Some(_) => text.push('…'),
    }
}

fn write_all(values: &[AnyValue], depth: usize, text: &mut String) {
    text.push('[');
    for (at, value) in values.iter().take(ATTRIBUTES).enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        write(value, depth - 1, text);
    }
    text.push(']');
}

fn pair(pair: &KeyValue) -> AnyValue {
    let mut text = cut(&pair.key, NAME);
    text.push('=');
    if let Some(value) = &pair.value {
        write(value, 1, &mut text);
    }
    AnyValue { value: Some(Any::StringValue(text)) }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn any(value: Any) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn text(text: &str) -> AnyValue {
        any(Any::StringValue(text.to_owned()))
    }

    fn attribute(key: &str, value: AnyValue) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(cut("마당", 6), "마당");
        assert_eq!(cut("마당이", 6), "마…");
        assert_eq!(cut("마당이", 1), "…");
        assert_eq!(cut("abcdef", 5), "ab…");
    }

    #[test]
    fn lists_and_maps_are_told_as_text() {
        let list = any(Any::ArrayValue(ArrayValue { values: vec![text("a"), any(Any::IntValue(7))] }));
        let map = KeyValueList { values: vec![attribute("k", list.clone()), attribute("b", text("v"))] };
        assert_eq!(value(&list), Value::from("[a, 7]"));
        assert_eq!(value(&any(Any::KvlistValue(map))), Value::from("[k=[…, …], b=v]"));
        assert_eq!(value(&any(Any::BytesValue(vec![0; 9]))), Value::from("9 bytes"));
        assert_eq!(value(&any(Any::DoubleValue(f64::NAN))), Value::from("NaN"));
        assert_eq!(value(&AnyValue { value: None }), Value::from(""));
    }

    #[test]
    fn what_is_deep_or_long_is_cut() {
        let deep =
            (0..50).fold(text("x"), |inner, _| any(Any::ArrayValue(ArrayValue { values: vec![inner] })));
        assert_eq!(value(&deep), Value::from("[[[[…]]]]"));
        let wide = ArrayValue { values: vec![text(&"y".repeat(1_000)); 1_000] };
        let told = value(&any(Any::ArrayValue(wide)));
        assert!(told.bytes() <= TEXT, "{}", told.bytes());
    }

    #[test]
    fn the_attributes_of_a_span_are_bounded_together() {
        let mut room = Room::new();
        let taken = (0..1_000).map_while(|_| room.take(&attribute("k", text("v")))).count();
        assert_eq!(taken, ATTRIBUTES);
        let mut room = Room::new();
        let long = attribute("k", text(&"v".repeat(1 << 20)));
        let taken = (0..1_000).map_while(|_| room.take(&long)).count();
        assert_eq!(taken, BYTES / (TEXT + 1));
    }
}
