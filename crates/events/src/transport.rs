//! How events travel: by the producer's feed alone, or by NATS JetStream beside it.
//!
//! ```text
//!   relay -- last position --> Publisher --> stream MADANG_<PRODUCER> --> NatsSource --> consumer
//!                                 ^                                         |   ^
//!   outbox (by position) ---------+--> feed, the truth ---------------------+---+  gaps, doubt, NATS away
//! ```
//!
//! Invariant: the stream is a copy. Nothing waits for it, and whatever it lacks, repeats or swaps comes from the feed.

mod args;
mod nats;
mod publisher;
mod reader;
mod source;
mod stream;
mod wire;

use std::sync::Arc;

use madang_chassis::Platform;

pub use args::{NatsUrl, TransportArgs};
pub use nats::TransportError;
pub use source::{NatsSource, Via};

pub(crate) use publisher::Publisher;

use crate::Source;
use nats::Nats;

/// What carries events beside the feed. The default is nothing. Clones share the connection.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    nats: Option<Nats>,
}

impl Transport {
    /// Connects in the background to the NATS server of the settings; where they name none, this is the feed alone. It does
    /// not wait for the server, which may come later.
    ///
    /// # Errors
    /// [`TransportError`]: a file of the settings cannot be used.
    pub async fn connect(args: &TransportArgs, platform: &Platform) -> Result<Self, TransportError> {
        Ok(Self { nats: Nats::connect(args, platform).await? })
    }

    /// The events of one producer: through NATS, where there is one, and else from the feed.
    pub fn source(&self, producer: &'static str, feed: impl Source, platform: &Platform) -> Arc<dyn Source> {
        match self.nats_source(producer, Arc::new(feed), platform) {
            Ok(source) => Arc::new(source),
            Err(feed) => feed,
        }
    }

    /// The same as its own type, which tells what it reads from; gives the feed back where there is no NATS.
    ///
    /// # Errors
    /// The feed.
    pub fn nats_source(
        &self,
        producer: &'static str,
        feed: Arc<dyn Source>,
        platform: &Platform,
    ) -> Result<NatsSource, Arc<dyn Source>> {
        match &self.nats {
            Some(nats) => Ok(NatsSource::new(nats, producer, feed, platform)),
            None => Err(feed),
        }
    }

    /// Whether events travel by NATS too.
    pub fn has_nats(&self) -> bool {
        self.nats.is_some()
    }

    pub(crate) fn nats(&self) -> Option<&Nats> {
        self.nats.as_ref()
    }
}
