use std::sync::Arc;

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
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

/// Reads a filter: levels, and targets with their levels. [`Targets`] itself takes any text for a target.
///
/// # Errors
/// Says which part is neither.
pub(crate) fn targets(text: &str) -> Result<Targets, String> {
    let is_target =
        |name: &str| name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':' | '-'));
    let is_part = |part: &str| match part.split_once('=') {
        Some((target, level)) => {
            !target.is_empty()
                && is_target(target)
                && !level.is_empty()
                && level.parse::<LevelFilter>().is_ok()
        }
        // A level of no text is ERROR, elsewhere.
        None => !part.is_empty() && part.parse::<LevelFilter>().is_ok(),
    };
    let wrong = text.split(',').map(str::trim).find(|part| !is_part(part));
    if let Some(wrong) = wrong {
        return Err(format!("{wrong:?} is neither a level nor a target with one"));
    }
    text.parse().map_err(|error: ParseError| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_targets_with_levels() {
        for good in
            ["info", "warn,madang_orders=debug", "off", "INFO, h2::codec=trace", "info,refinery_core=warn"]
        {
            assert!(targets(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "loud",
            "this is nonsense",
            "madang=loud",
            "madang=",
            "=info",
            "info,",
            "[span]=debug",
            "a b=info",
        ] {
            assert!(targets(bad).unwrap_err().contains("neither a level"), "{bad}");
        }
    }
}
