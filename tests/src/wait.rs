//! Waiting for states, never for times.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long anything may take that a shop does by itself.
pub const PATIENCE: Duration = Duration::from_secs(60);

const BETWEEN: Duration = Duration::from_millis(25);

/// Looks again and again until there is an answer.
///
/// # Errors
/// The first error of a look, or that there was no answer in time; `what` says what was waited for.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut look = look;
    let end = Instant::now() + limit;
    let mut poll = interval(BETWEEN);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        poll.tick().await;
        if let Some(answer) = look().await? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("waited {} s for {what}", limit.as_secs());
        }
    }
}
