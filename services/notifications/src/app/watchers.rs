use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_types::CustomerId;
use tokio::sync::mpsc;

use crate::domain::Notification;

/// Notifications that wait for one watcher. One more ends it: there is no end to what a reader that stands still leaves.
const WAITING: usize = 256;

/// The sides that tell, by customer.
type Senders = HashMap<CustomerId, Vec<mpsc::Sender<Arc<Notification>>>>;

/// Who wants to be told at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Watchers(Arc<Mutex<Senders>>);

/// Follows the notifications of one customer.
#[derive(Debug)]
pub struct Watcher(mpsc::Receiver<Arc<Notification>>);

/// The watcher was too slow and will be told no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader is too slow: more than {WAITING} notifications wait for it")]
pub struct Ended;

impl Watchers {
    pub(super) fn add(&self, customer: CustomerId) -> Watcher {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.all().entry(customer).or_default().push(sender);
        Watcher(receiver)
    }

    /// Tells those who follow this customer; lets go who is too slow or has gone.
    pub(super) fn tell(&self, notification: &Arc<Notification>) {
        if let Some(watchers) = self.all().get_mut(&notification.customer) {
            watchers.retain(|watcher| watcher.try_send(Arc::clone(notification)).is_ok());
        }
    }

    /// Whether nobody is there to be told anything.
    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Forgets who has gone, also where nothing is ever told.
    pub(super) fn sweep(&self) {
        self.all().retain(|_, watchers| {
            watchers.retain(|watcher| !watcher.is_closed());
            !watchers.is_empty()
        });
    }

    fn all(&self) -> MutexGuard<'_, Senders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// The next notification, as soon as there is one.
    ///
    /// # Errors
    /// [`Ended`] after the last that it will get.
    pub async fn next(&mut self) -> Result<Arc<Notification>, Ended> {
        self.0.recv().await.ok_or(Ended)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use madang_types::OrderId;
    use uuid::Uuid;

    use super::*;
    use crate::domain::News;

    fn customer(id: &str) -> CustomerId {
        id.parse().unwrap()
    }

    fn told(n: u128, to: &str) -> Arc<Notification> {
        let news = News::PaymentOutstanding;
        Arc::new(Notification {
            id: Uuid::from_u128(n),
            customer: customer(to),
            order: OrderId::new(Uuid::from_u128(1)),
            kind: news.kind(),
            text: news.text(),
            created: Timestamp::UNIX_EPOCH,
        })
    }

    #[tokio::test]
    async fn a_watcher_is_told_what_concerns_its_customer() {
        let watchers = Watchers::default();
        let (mut one, mut other) = (watchers.add(customer("mina")), watchers.add(customer("mina")));
        watchers.tell(&told(1, "jun"));
        watchers.tell(&told(2, "mina"));
        assert_eq!(one.next().await, Ok(told(2, "mina")));
        assert_eq!(other.next().await, Ok(told(2, "mina")));
    }

    #[tokio::test]
    async fn a_slow_watcher_gets_what_waits_for_it_and_is_let_go_while_others_go_on() {
        let watchers = Watchers::default();
        let (mut slow, mut quick) = (watchers.add(customer("mina")), watchers.add(customer("mina")));
        for n in 0..=WAITING as u128 {
            watchers.tell(&told(n, "mina"));
            assert_eq!(quick.next().await, Ok(told(n, "mina")));
        }
        for n in 0..WAITING as u128 {
            assert_eq!(slow.next().await, Ok(told(n, "mina")));
        }
        assert_eq!(slow.next().await, Err(Ended));
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let watchers = Watchers::default();
        let kept = watchers.add(customer("mina"));
        drop((watchers.add(customer("mina")), watchers.add(customer("jun"))));
        watchers.sweep();
        assert_eq!(watchers.all().values().map(Vec::len).collect::<Vec<_>>(), [1]);
        drop(kept);
        watchers.sweep();
        assert!(watchers.all().is_empty());
    }
}
