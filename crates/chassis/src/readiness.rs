use std::collections::BTreeMap;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::watch;

use crate::Shutdown;

/// Whether the service can take calls: it is ready when nothing is missing and shutdown has not begun.
#[derive(Clone, Debug)]
pub struct Readiness {
    missing: Arc<watch::Sender<BTreeMap<&'static str, usize>>>,
    shutdown: Shutdown,
}

/// Holds readiness back until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it says that this part is ready"]
pub struct ReadyGuard {
    name: &'static str,
    missing: Arc<watch::Sender<BTreeMap<&'static str, usize>>>,
}

impl Readiness {
    /// Ready until a guard is taken or the shutdown begins.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { missing: Arc::new(watch::Sender::default()), shutdown }
    }

    /// Holds readiness back, by a name that `/readyz` shows. A name may be held more than once.
    pub fn guard(&self, name: &'static str) -> ReadyGuard {
        self.missing.send_modify(|missing| *missing.entry(name).or_default() += 1);
        ReadyGuard { name, missing: Arc::clone(&self.missing) }
    }

    /// What is missing, by name; `shutdown` once that has begun.
    pub fn missing(&self) -> Vec<&'static str> {
        let stops = self.shutdown.has_begun().then_some("shutdown");
        self.missing.borrow().keys().copied().chain(stops).collect()
    }

    /// Whether the service can take calls now.
    pub fn is_ready(&self) -> bool {
        !self.shutdown.has_begun() && self.missing.borrow().is_empty()
    }

    /// Waits until nothing is missing. After the shutdown began it waits forever: race it with that.
    pub async fn ready(&self) {
        let mut missing = self.missing.subscribe();
        // The sender lives in `self`, so the channel is not closed.
        let _open = missing.wait_for(BTreeMap::is_empty).await.is_ok();
        if self.shutdown.has_begun() {
            std::future::pending().await
        }
    }

    /// Tells whether the service is ready, now and at each change; ends with the shutdown.
    pub fn changes(&self) -> impl Stream<Item = bool> + Send + use<> {
        let watch = Watch { readiness: self.clone(), missing: self.missing.subscribe(), told: None };
        futures::stream::unfold(watch, Watch::next)
    }
}

struct Watch {
    readiness: Readiness,
    missing: watch::Receiver<BTreeMap<&'static str, usize>>,
    told: Option<bool>,
}

impl Watch {
    async fn next(mut self) -> Option<(bool, Self)> {
        loop {
            let stops = self.readiness.shutdown.has_begun();
            if stops && self.told == Some(false) {
                return None;
            }
            let ready = !stops && self.missing.borrow_and_update().is_empty();
            if self.told != Some(ready) {
                self.told = Some(ready);
                return Some((ready, self));
            }
            tokio::select! {
                () = self.readiness.shutdown.begun() => {}
                changed = self.missing.changed() => changed.ok()?,
            }
        }
    }
}

impl Drop for ReadyGuard {
    fn drop(&mut self) {
        self.missing.send_modify(|missing| {
            if let Some(held) = missing.get_mut(self.name) {
                *held -= 1;
                if *held == 0 {
                    missing.remove(self.name);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn ready_when_the_last_guard_drops() {
        let readiness = Readiness::new(Shutdown::new());
        let (database, again, feed) =
            (readiness.guard("database"), readiness.guard("database"), readiness.guard("feed"));
        assert_eq!(readiness.missing(), ["database", "feed"]);
        drop((database, feed));
        assert_eq!(readiness.missing(), ["database"]);
        let waits = readiness.ready();
        drop(again);
        waits.await;
        assert!(readiness.is_ready());
    }

    #[tokio::test]
    async fn changes_are_told_until_the_shutdown() {
        let shutdown = Shutdown::new();
        let readiness = Readiness::new(shutdown.clone());
        let guard = readiness.guard("database");
        let mut changes = std::pin::pin!(readiness.changes());
        assert_eq!(changes.next().await, Some(false));
        drop(guard);
        assert_eq!(changes.next().await, Some(true));
        shutdown.begin();
        assert_eq!(changes.next().await, Some(false));
        assert_eq!(changes.next().await, None);
        assert_eq!(readiness.missing(), ["shutdown"]);
    }
}
