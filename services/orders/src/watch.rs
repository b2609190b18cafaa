//! Tells waiters of this process when an order changed, here or at another replica.

mod poll;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_types::OrderId;
use tokio::sync::{Notify, watch};

use crate::domain::Order;

/// Orders that somebody waits for. Clones share them.
///
/// Invariant: whoever subscribes before reading the order misses no later change of this process.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    waiting: Arc<Mutex<HashMap<OrderId, watch::Sender<Told>>>>,
    /// Told of each new waiter.
    came: Arc<Notify>,
}

/// What an order's waiters were told last; none before any. Shared: it goes to the waiters as it is.
type Told = Option<Arc<Order>>;

/// One waiter for one order.
#[derive(Debug)]
pub struct Watch {
    id: OrderId,
    /// Taken when the watch ends.
    changes: Option<watch::Receiver<Told>>,
    watchers: Watchers,
}

impl Watchers {
    /// Waits for an order from now on.
    pub fn watch(&self, id: OrderId) -> Watch {
        let changes = self.waiting().entry(id).or_insert_with(|| watch::Sender::new(None)).subscribe();
        self.came.notify_one();
        Watch { id, changes: Some(changes), watchers: self.clone() }
    }

    /// Tells an order's waiters its new state, after the commit.
    pub fn changed(&self, order: &Arc<Order>) {
        if let Some(sender) = self.waiting().get(&order.id) {
            sender.send_if_modified(|last| {
                let newer = last.as_ref().is_none_or(|last| last.version < order.version);
                if newer {
                    *last = Some(Arc::clone(order));
                }
                newer
            });
        }
    }

    /// Waits until somebody waits.
    async fn waited(&self) {
        while self.waiting().is_empty() {
            self.came.notified().await;
        }
    }

    /// The orders that are waited for and that `wanted` wants, with the versions that their waiters were told; 0 before any.
    fn known(&self, wanted: impl Fn(OrderId) -> bool) -> HashMap<OrderId, i64> {
        let version = |told: &watch::Sender<Told>| told.borrow().as_ref().map_or(0, |order| order.version);
        let waiting = self.waiting();
        let wanted = waiting.iter().filter(|(id, _)| wanted(**id));
        wanted.map(|(id, told)| (*id, version(told))).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<OrderId, watch::Sender<Told>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The next state newer than `version`.
    pub async fn after(&mut self, version: i64) -> Arc<Order> {
        let newer = |order: &Told| order.as_ref().is_some_and(|order| order.version > version);
        if let Some(changes) = &mut self.changes
            && let Ok(order) = changes.wait_for(newer).await.map(|order| order.clone())
            && let Some(order) = order
        {
            return order;
        }
        // The sender lives in the table as long as this watch does, so this is never reached.
        std::future::pending().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut waiting = self.watchers.waiting();
        // Under the lock, so that of two watches that end together the second sees that it is the last.
        drop(self.changes.take());
        if waiting.get(&self.id).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(&self.id);
        }
    }
}
