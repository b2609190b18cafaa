//! One function for each use case. What is told is written by events alone, in the transaction that moves their cursor.

mod teller;
mod watchers;

use madang_chassis::Platform;
use madang_db::{Db, Tx};
use madang_types::CustomerId;

pub use watchers::{Ended, Watcher};

use crate::domain::{Change, Notification};
use crate::store::{self, Told};
use teller::Teller;
use watchers::Watchers;

/// The use cases of notifications.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    watchers: Watchers,
}

impl App {
    /// Over a database, with a task that tells the watchers what is new in it until the platform's shutdown.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn start(db: Db, platform: &Platform) -> Result<Self, madang_db::Error> {
        let watchers = Watchers::default();
        // Read before any call is taken, so that nothing is told from before the first one.
        let last = db.read(store::last_place).await?;
        let teller = Teller::new(db.clone(), watchers.clone(), last);
        let shutdown = platform.shutdown.clone();
        platform.tasks.spawn("notifications-teller", async move {
            tokio::select! {
                () = shutdown.begun() => {}
                () = teller.run() => {}
            }
        });
        Ok(Self { db, watchers })
    }

    /// Lists the customer's notifications that are older than a time (in microseconds since 1970) and place, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(
        &self,
        customer: CustomerId,
        older: Option<(i64, i64)>,
        limit: i64,
    ) -> Result<Vec<Told>, madang_db::Error> {
        self.db.read(move |tx| store::of_customer(tx, &customer, older, limit)).await
    }

    /// Follows the customer's notifications from now on.
    pub fn watch(&self, customer: CustomerId) -> Watcher {
        self.watchers.add(customer)
    }
}

/// Tells a customer something, once.
///
/// # Errors
/// Those of the database.
pub fn tell(tx: &mut Tx<'_>, notification: &Notification) -> Result<Change, madang_db::Error> {
    if !store::insert(tx, notification)? {
        return Ok(Change::AlreadyApplied);
    }
    // Wakes the teller after the commit.
    tx.raise();
    Ok(Change::Applied)
}
