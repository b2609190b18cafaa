use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::OpenError;
use crate::postgres::told;

/// Between attempts: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Between warnings.
const TELL: Duration = Duration::from_secs(10);

impl OpenError {
    /// Whether the same may succeed a little later, without anybody's doing: a server that starts beside its services, a name that
    /// is not known yet.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Starting { .. } | Self::TooManyConnections { .. })
    }
}

/// Opens again and again what may be there soon, for this time, and then gives the last error.
pub(super) async fn patiently<T, F>(wait: Duration, mut open: impl FnMut() -> F) -> Result<T, OpenError>
where
    F: Future<Output = Result<T, OpenError>>,
{
    let began = Instant::now();
    let mut warning = Warning::default();
    let mut pause = PAUSE.0;
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let left = wait.saturating_sub(began.elapsed());
        if left.is_zero() || !error.may_pass() {
            return Err(error);
        }
        if warning.is_due() {
            let left = left.as_secs_f32();
            tracing::warn!(error = told(&error), "the database cannot be opened; tried for {left:.0} s more");
        }
        sleep(jittered(pause).min(left)).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// One at the first failure, and then one in a while.
#[derive(Default)]
struct Warning {
    last: Option<Instant>,
}

impl Warning {
    /// Whether it is time; then the next one is not before a while.
    fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= TELL);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

/// Half to all of it, so that replicas which start together do not come together. A hash has the chance of the process in it, and
/// nothing but this pause depends on that.
fn jittered(pause: Duration) -> Duration {
    let chance = RandomState::new().hash_one(()) % 1000;
    pause / 2 + pause * u32::try_from(chance).unwrap_or_default() / 2000
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn unreachable() -> OpenError {
        OpenError::Unreachable { place: "postgres://u@h:5432/n".into(), source: "refused".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_in_time_is_opened() {
        let (began, mut attempts) = (Instant::now(), 0);
        let opened = patiently(Duration::from_mins(1), || {
            attempts += 1;
            ready(if began.elapsed() < Duration::from_secs(20) { Err(unreachable()) } else { Ok(attempts) })
        });
        let attempts = opened.await.unwrap();
        assert!((10..=30).contains(&attempts), "{attempts}: the pauses grow, to two seconds");
        assert!(began.elapsed() < Duration::from_secs(22));
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_wait_is_over_the_last_error_is_told() {
        let mut attempts = 0;
        let began = Instant::now();
        let refused = patiently(Duration::from_secs(5), || {
            attempts += 1;
            ready(Err::<(), _>(unreachable()))
        });
        assert!(matches!(refused.await, Err(OpenError::Unreachable { .. })));
        assert_eq!(began.elapsed().as_secs(), 5, "with a last attempt at the end");
        assert!(attempts > 5, "{attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_or_may_not_be_waited_for_fails_at_once() {
        let place = || "postgres://u@h:5432/n".to_owned();
        for (wait, error) in [
            (0, unreachable()),
            (60, OpenError::NoDatabase { place: place() }),
            (60, OpenError::Credentials { place: place(), source: "no".into() }),
            (60, OpenError::Untrusted { place: place(), source: "no".into() }),
            (60, OpenError::Locale { place: place() }),
        ] {
            let (began, mut error) = (Instant::now(), Some(error));
            let refused = patiently(Duration::from_secs(wait), || {
                ready(Err::<(), _>(error.take().expect("one attempt")))
            });
            refused.await.unwrap_err();
            assert_eq!(began.elapsed(), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_due_at_the_first_failure_and_every_ten_seconds() {
        let mut warning = Warning::default();
        let mut due = Vec::new();
        for second in 0..31 {
            due.extend(warning.is_due().then_some(second));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(due, [0, 10, 20, 30]);
    }

    #[test]
    fn a_pause_is_half_to_all_of_its_length() {
        for _ in 0..1000 {
            let pause = jittered(PAUSE.1);
            assert!((PAUSE.1 / 2..=PAUSE.1).contains(&pause), "{pause:?}");
        }
    }
}
