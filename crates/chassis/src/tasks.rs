use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::{Shutdown, panics, trace};

/// The background tasks of a process. Shutdown waits for them; a panic in one ends the process.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: Shutdown,
}

impl Tasks {
    /// No tasks yet; a panic in one of them begins this shutdown.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { tracker: TaskTracker::new(), shutdown }
    }

    /// Runs a task in the background. It should end when the shutdown begins; [`Tasks::wait`] waits for it.
    /// The caller's trace follows it, the caller's deadline does not.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Once: what is around it would hold it several times, and move it as often.
        let (task, shutdown) = (Box::pin(task), self.shutdown.clone());
        let guarded = async move {
            if let Err(payload) = AssertUnwindSafe(task).catch_unwind().await {
                let panic = panics::text(&*payload);
                // The panic hook has logged the text.
                tracing::error!("a task panicked; the process ends");
                shutdown.fail(format!("the task {name} panicked: {panic}"));
            }
        };
        let traced = trace::carry(trace::here(), name, guarded);
        self.tracker.spawn(traced).abort_handle()
    }

    /// How many run.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits until all tasks have ended, but not longer than this; tells whether they have.
    pub async fn wait(&self, limit: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_a_task_ends_the_process() {
        let shutdown = Shutdown::new();
        let tasks = Tasks::new(shutdown.clone());
        tasks.spawn("relay", async { panic!("no rows") });
        shutdown.begun().await;
        assert_eq!(shutdown.failure(), Some("the task relay panicked: no rows"));
        assert!(tasks.wait(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_goes_on_in_the_trace_that_it_is_spawned_in() {
        let (tasks, ids) = (Tasks::new(Shutdown::new()), crate::testing::SeededIds::new(1));
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (send, seen) = tokio::sync::oneshot::channel();
        let nested = tasks.clone();
        let begin = async {
            tasks.spawn("first", async move {
                nested.spawn("second", async move { send.send(trace::traceparent()).unwrap() });
            });
        };
        trace::follow(&ids, "call", given, begin).await;
        assert_eq!(seen.await.unwrap().as_deref(), Some(given));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_tasks_has_a_limit() {
        let tasks = Tasks::new(Shutdown::new());
        let endless = tasks.spawn("endless", std::future::pending());
        assert!(!tasks.wait(Duration::from_secs(1)).await);
        endless.abort();
        assert!(tasks.wait(Duration::from_secs(1)).await);
        assert!(tasks.is_empty());
    }
}
