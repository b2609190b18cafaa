//! The producer's stream, as its publisher and its readers see it.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, RawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};

use super::nats::Nats;
use super::wire::{self, Mark, Names};

/// How long messages stay: as long as the rows of the outbox.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the server drops a repeat by its id. Order and uniqueness do not rest on it, but on the expected sequence.
const DUPLICATES: Duration = Duration::from_secs(120);

/// Why the stream cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("there is no stream {0}")]
    Missing(String),
    #[error(
        "the stream {stream} is missing and this account could not make it ({cause}): make it with the subjects {subjects}, \
         or allow the account to"
    )]
    NotMade { stream: String, subjects: String, cause: String },
    #[error("the stream {stream} does not take the subjects {subjects}")]
    OtherSubjects { stream: String, subjects: String },
    #[error("NATS does not answer: {0}")]
    Request(String),
    #[error("the last message of the stream is not of a publisher of Madang")]
    Stranger,
}

/// A message of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) mark: Mark,
}

pub(super) async fn find(nats: &Nats, names: &Names) -> Result<Stream<Info>, StreamError> {
    let found = nats.context().get_stream(&names.stream).await;
    let stream = found.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            StreamError::Missing(names.stream.clone())
        }
        GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::InvalidStreamName
        | GetStreamErrorKind::Request
        | GetStreamErrorKind::JetStream(_) => request(&error),
    })?;
    if stream.cached_info().config.subjects.contains(&names.subjects) {
        Ok(stream)
    } else {
        let (stream, subjects) = (names.stream.clone(), names.subjects.clone());
        Err(StreamError::OtherSubjects { stream, subjects })
    }
}

/// The stream, made where it is missing. One that is there keeps its limits: they may be an operator's.
pub(super) async fn find_or_make(nats: &Nats, names: &Names) -> Result<Stream<Info>, StreamError> {
    match find(nats, names).await {
        Err(StreamError::Missing(_)) => {}
        other => return other,
    }
    let config = Config {
        name: names.stream.clone(),
        subjects: vec![names.subjects.clone()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: MAX_AGE,
        duplicate_window: DUPLICATES,
        num_replicas: usize::from(nats.replicas),
        ..Config::default()
    };
    let made = nats.context().create_stream(config).await;
    made.inspect(|_| tracing::info!(stream = names.stream, "the stream is made")).map_err(|error| {
        match error.kind() {
            // Another replica is making it.
            CreateStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                request(&error)
            }
            CreateStreamErrorKind::JetStream(_)
            | CreateStreamErrorKind::JetStreamUnavailable
            | CreateStreamErrorKind::EmptyStreamName
            | CreateStreamErrorKind::InvalidStreamName
            | CreateStreamErrorKind::DomainAndExternalSet
            | CreateStreamErrorKind::TimedOut
            | CreateStreamErrorKind::Response
            | CreateStreamErrorKind::NotFound
            | CreateStreamErrorKind::ResponseParse => StreamError::NotMade {
                stream: names.stream.clone(),
                subjects: names.subjects.clone(),
                cause: error.to_string(),
            },
        }
    })
}

/// The last message; none where there is none.
pub(super) async fn last(stream: &Stream<Info>, names: &Names) -> Result<Option<Entry>, StreamError> {
    match stream.get_last_raw_message_by_subject(&names.subjects).await {
        Ok(message) => {
            let mark = wire::mark(&message.headers).ok_or(StreamError::Stranger)?;
            Ok(Some(Entry { sequence: message.sequence, mark }))
        }
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(request(&error)),
    }
}

/// The message at a sequence; none where it is gone or not of a publisher of ours.
pub(super) async fn at(stream: &Stream<Info>, sequence: u64) -> Result<Option<Entry>, StreamError> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(wire::mark(&message.headers).map(|mark| Entry { sequence, mark })),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(request(&error)),
    }
}

pub(super) fn request(error: &(dyn std::error::Error + 'static)) -> StreamError {
    StreamError::Request(madang_chassis::chain(error))
}
