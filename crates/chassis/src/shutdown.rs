use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Says once, to all who ask, that the process is to end. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    failure: Arc<OnceLock<String>>,
}

impl Shutdown {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Idempotent.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Gives the signal because the process cannot go on; the first cause becomes its exit.
    pub fn fail(&self, cause: impl Into<String>) {
        self.failure.get_or_init(|| cause.into());
        self.begin();
    }

    /// Whether the signal was given.
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the signal.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Waits for the signal, as a future that borrows nothing.
    pub fn begun_owned(&self) -> impl Future<Output = ()> + Send + use<> {
        self.token.clone().cancelled_owned()
    }

    /// Why the process cannot go on; none for an ordinary end.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}
