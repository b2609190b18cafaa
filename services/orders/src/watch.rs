//! Tells waiters of this process when an order changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_types::OrderId;
use tokio::sync::watch;

use crate::domain::Order;

/// Orders that somebody waits for. Clones share them.
///
/// Invariant: whoever subscribes before reading the order misses no later change of this process.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    waiting: Arc<Mutex<HashMap<OrderId, watch::Sender<Option<Order>>>>>,
}

/// One waiter for one order.
#[derive(Debug)]
pub struct Watch {
    id: OrderId,
    changes: watch::Receiver<Option<Order>>,
    watchers: Watchers,
}

impl Watchers {
    /// Waits for an order from now on.
    pub fn watch(&self, id: OrderId) -> Watch {
        let changes = self.waiting().entry(id).or_insert_with(|| watch::Sender::new(None)).subscribe();
        Watch { id, changes, watchers: self.clone() }
    }

    /// Tells an order's waiters its new state, after the commit.
    pub fn changed(&self, order: &Order) {
        if let Some(sender) = self.waiting().get(&order.id) {
            sender.send_if_modified(|last| {
                let newer = last.as_ref().is_none_or(|last| last.version < order.version);
                if newer {
                    *last = Some(order.clone());
                }
                newer
            });
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<OrderId, watch::Sender<Option<Order>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The next state newer than `version`.
    pub async fn after(&mut self, version: i64) -> Order {
        let newer = |order: &Option<Order>| order.as_ref().is_some_and(|order| order.version > version);
        match self.changes.wait_for(newer).await.map(|order| order.clone()) {
            Ok(Some(order)) => order,
            // The sender lives in the table as long as this watch does, so this is never reached.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut waiting = self.watchers.waiting();
        if waiting.get(&self.id).is_some_and(|sender| sender.receiver_count() <= 1) {
            waiting.remove(&self.id);
        }
    }
}
