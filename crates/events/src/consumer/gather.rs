//! More events for one commit.

use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::{BATCH, Event, SourceError};

/// Adds what comes until a commit is due, or there are enough for one.
///
/// # Errors
/// Where the source fails meanwhile. What came before is still to be applied.
pub(super) async fn gather(
    events: &mut Vec<Event>,
    batches: &mut (impl Stream<Item = Result<Vec<Event>, SourceError>> + Unpin),
    due: Instant,
) -> Result<(), SourceError> {
    while events.len() < BATCH {
        match timeout_at(due, batches.next()).await {
            Ok(Some(batch)) => events.extend(batch?),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::stream;
    use jiff::Timestamp;
    use tokio::time::sleep_until;
    use uuid::Uuid;

    use super::*;

    const GATHER: Duration = Duration::from_millis(50);

    fn events(count: usize) -> Vec<Event> {
        let event = Event {
            position: 1,
            id: Uuid::nil(),
            key: "a".to_owned(),
            kind: "x".to_owned(),
            payload: bytes::Bytes::new(),
            occur_time: Timestamp::UNIX_EPOCH,
            traceparent: String::new(),
        };
        vec![event; count]
    }

    /// Batches of so many events, each after so many milliseconds; then an error.
    fn source(script: &[(u64, usize)]) -> impl Stream<Item = Result<Vec<Event>, SourceError>> + Unpin {
        let begin = Instant::now();
        let batches = stream::iter(script.to_vec()).then(move |(at, count)| async move {
            sleep_until(begin + Duration::from_millis(at)).await;
            Ok(events(count))
        });
        let error = stream::iter([Err(SourceError::Unavailable("gone".to_owned()))]);
        Box::pin(batches.chain(error))
    }

    async fn gathered(script: &[(u64, usize)], due: Duration) -> (usize, Duration, bool) {
        let begin = Instant::now();
        let (mut events, mut batches) = (events(1), source(script));
        let is_whole = gather(&mut events, &mut batches, begin + due).await.is_ok();
        (events.len(), begin.elapsed(), is_whole)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_takes_only_what_is_there() {
        assert_eq!(gathered(&[(0, 2), (1, 9)], Duration::ZERO).await, (3, Duration::ZERO, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_before_it_is_due_is_taken_with_it() {
        assert_eq!(gathered(&[(10, 2), (40, 3), (60, 9)], GATHER).await, (6, GATHER, true));
    }

    #[tokio::test(start_paused = true)]
    async fn enough_for_a_commit_does_not_wait() {
        let (count, took, _) = gathered(&[(10, BATCH), (20, 1)], GATHER).await;
        assert_eq!((count, took), (BATCH + 1, Duration::from_millis(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_an_error_is_kept() {
        let (count, _, is_whole) = gathered(&[(10, 2)], GATHER).await;
        assert_eq!((count, is_whole), (3, false));
    }
}
