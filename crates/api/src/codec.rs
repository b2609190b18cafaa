//! The codec of all generated clients and servers.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::ProstEncoder;

use crate::error;

/// A message that is none: not UTF-8 where text should be, a broken number, another type.
pub const MALFORMED_MESSAGE: &str = "MALFORMED_MESSAGE";

/// Bytes to begin with, for a message on its way in or out: most are smaller, and so much an allocator has at hand, as it has not
/// for tonic's 8 KiB.
const BUFFER: usize = 1000;
/// Bytes of a stream that are sent together: tonic's own number.
const TOGETHER: usize = 32 * 1024;

/// Prost's codec, but a message that cannot be decoded is INVALID_ARGUMENT MALFORMED_MESSAGE. Plain tonic calls it INTERNAL,
/// which a careful caller asks again for ever.
///
/// The reason is in no step's table of refusals: to a caller, an answer that it cannot read stays unknown.
#[derive(Debug, Clone)]
pub struct CheckedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for CheckedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for CheckedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CheckedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(BUFFER, TOGETHER))
    }

    fn decoder(&mut self) -> Self::Decoder {
        CheckedDecoder(PhantomData)
    }
}

/// Decodes messages of [`CheckedCodec`].
#[derive(Debug, Clone)]
pub struct CheckedDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for CheckedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let malformed = |cause: prost::DecodeError| {
            error::status(
                Code::InvalidArgument,
                MALFORMED_MESSAGE,
                format!("the message cannot be read: {cause}"),
            )
        };
        U::decode(buffer).map(Some).map_err(malformed)
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, TOGETHER)
    }
}
