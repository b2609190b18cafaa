//! The Protobuf JSON mapping of any message of proto/, by its descriptor.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use serde_json::Value;

/// Why JSON is not the message asked for, or a message cannot be told in JSON.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not of the message's form: an unknown field, a wrong type.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The message is none of proto/: a defect.
    #[error("{0} is not a message of Madang's contracts")]
    UnknownMessage(String),
    /// The bytes are no such message: a defect.
    #[error("the message cannot be decoded")]
    Decode(#[from] prost::DecodeError),
}

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// The descriptors of proto/.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

/// A message in JSON. Empty lists, zeros and false are told too, so that a reader sees every field.
///
/// # Errors
/// [`Error::UnknownMessage`], [`Error::Decode`]: defects.
pub fn to_value<M: Message + Name>(message: &M) -> Result<Value, Error> {
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic.merge(message.encode_to_vec().as_slice())?;
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// A message from JSON. Unknown fields are refused.
///
/// # Errors
/// [`Error::Json`] with the place of the mistake.
pub fn from_slice<M: Message + Name + Default>(json: &[u8]) -> Result<M, Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor::<M>()?, &mut reader, &options)?;
    reader.end()?;
    Ok(M::decode(dynamic.encode_to_vec().as_slice())?)
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, Error> {
    POOL.get_message_by_name(&M::full_name()).ok_or_else(|| Error::UnknownMessage(M::full_name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::v1::PlaceOrderRequest;
    use crate::types::v1::Money;

    #[test]
    fn a_message_travels_through_json_unchanged() {
        let money = Money { minor_units: i64::MAX, currency_code: "USD".into() };
        let json = to_value(&money).unwrap();
        assert_eq!(json["minorUnits"], i64::MAX.to_string());
        assert_eq!(from_slice::<Money>(json.to_string().as_bytes()).unwrap(), money);
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let error = from_slice::<PlaceOrderRequest>(br#"{"requestId": "x", "colour": "blue"}"#).unwrap_err();
        assert!(error.to_string().contains("colour"), "{error}");
    }

    #[test]
    fn text_after_the_message_is_refused() {
        assert!(from_slice::<Money>(b"{} {}").is_err());
    }
}
