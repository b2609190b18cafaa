use std::sync::Arc;

use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::{Registry, reload};

/// What is logged, which can be changed while the process runs.
#[derive(Clone, Debug, Default)]
pub struct LogLevel(Option<Arc<reload::Handle<Targets, Registry>>>);

/// Why what is logged cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// The text is no filter.
    #[error("this is no log filter: {0}; write one such as info or warn,madang_orders=debug")]
    Filter(String),
    /// The process does not log, or ends.
    #[error("this process has no log that could be changed")]
    NoLog,
}

impl LogLevel {
    pub(super) fn new(handle: reload::Handle<Targets, Registry>) -> Self {
        Self(Some(Arc::new(handle)))
    }

    /// The filter in force.
    ///
    /// # Errors
    /// [`LevelError::NoLog`]
    pub fn get(&self) -> Result<String, LevelError> {
        let handle = self.0.as_ref().ok_or(LevelError::NoLog)?;
        handle.with_current(ToString::to_string).map_err(|_| LevelError::NoLog)
    }

    /// Puts another filter in force, for all lines from now on.
    ///
    /// # Errors
    /// [`LevelError`]
    pub fn set(&self, text: &str) -> Result<(), LevelError> {
        let handle = self.0.as_ref().ok_or(LevelError::NoLog)?;
        let filter: Targets =
            text.parse().map_err(|error: ParseError| LevelError::Filter(error.to_string()))?;
        // By its own text, so that what is logged of it is what is in force.
        let told = filter.to_string();
        handle.reload(filter).map_err(|_| LevelError::NoLog)?;
        tracing::warn!(filter = told, "the log level is changed");
        Ok(())
    }
}
