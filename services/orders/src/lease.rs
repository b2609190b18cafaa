//! Which process drives which orders. A lease belongs to a process, not to an order: the order's row names its owner.
//!
//! On SQLite the file's lock is the lease: whoever drove these orders before is gone, and a new process takes all of them at
//! once. On a database that several replicas share, each beats once a second; one whose beat stood still for three seconds of
//! the observer's own time loses its orders to whoever sees that first.
//!
//! Invariant: a lease decides who asks, never what is true: a driver that lost its order, paused or not, matches no row.

mod lookout;

use std::time::Duration;

use madang_chassis::chain;
use madang_db::{Db, Kind, Tx};
use madang_saga::Engine;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use self::lookout::Lookout;
use crate::saga::PlaceOrder;
use crate::store::{self, replicas};

/// Between two beats, and between two looks at the others'.
const BEAT: Duration = Duration::from_secs(1);
/// How long the database may take to hear that this replica ends.
const LEAVE: Duration = Duration::from_secs(2);

/// This process's part in driving the orders of a database.
#[derive(Debug, Clone)]
pub struct Lease {
    db: Db,
    replica: Uuid,
}

impl Lease {
    /// Shows this process to the other replicas; where there can be none, takes all open orders.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(db: &Db, replica: Uuid) -> Result<Self, madang_db::Error> {
        let lease = Self { db: db.clone(), replica };
        if db.is_shared() {
            db.write(Kind::Lease, move |tx| replicas::beat(tx, replica)).await?;
        } else {
            let taken = db.write(Kind::Lease, move |tx| store::take_over_all(tx, replica)).await?;
            tracing::info!(taken, "open orders are taken over");
        }
        Ok(lease)
    }

    /// The name of this process in the orders' rows.
    pub fn replica(&self) -> Uuid {
        self.replica
    }

    /// Beats and watches the others, for as long as this process drives orders.
    pub async fn keep(self, engine: Engine<PlaceOrder>) {
        if !self.db.is_shared() {
            return;
        }
        let mut lookout = Lookout::default();
        let mut every = tokio::time::interval(BEAT);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            if let Err(error) = self.turn(&mut lookout, &engine).await {
                tracing::warn!(error = chain(&error), "the beat could not be written; it is tried again");
            }
        }
    }

    /// Tells the others that this process drives nothing any more.
    pub async fn leave(&self) {
        if !self.db.is_shared() {
            return;
        }
        let replica = self.replica;
        let told = self.db.write(Kind::Lease, move |tx| replicas::leave(tx, replica));
        if !matches!(tokio::time::timeout(LEAVE, told).await, Ok(Ok(()))) {
            tracing::warn!(
                "the other replicas were not told of the end; they will see that the beat stands still"
            );
        }
    }

    async fn turn(&self, lookout: &mut Lookout, engine: &Engine<PlaceOrder>) -> Result<(), madang_db::Error> {
        let replica = self.replica;
        // In one closure, since only one that writes goes before all the work that waits.
        let beat = move |tx: &mut Tx<'_>| {
            replicas::beat(tx, replica)?;
            replicas::others(tx, replica)
        };
        let beats = self.db.write(Kind::Lease, beat).await?;
        for gone in lookout.look(&beats, Instant::now()) {
            let taken = self.db.write(Kind::Lease, move |tx| replicas::take_over(tx, replica, gone)).await?;
            if taken > 0 {
                tracing::warn!(replica.id = %gone.replica, taken, "a replica's open orders are taken over");
                engine.scan();
            }
        }
        Ok(())
    }
}
