//! What other replicas did to orders that somebody waits for here: read from the rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use madang_chassis::chain;
use madang_db::{Db, Tx};
use madang_saga::Engine;
use madang_types::OrderId;
use tokio::time::sleep;

use super::Watchers;
use crate::domain::Order;
use crate::saga::PlaceOrder;
use crate::store;

/// Between two readings.
const EVERY: Duration = Duration::from_millis(100);

impl Watchers {
    /// Reads what waiters wait for and this process does not drive, all of it together, at most every 100 ms. Without end; on a
    /// database of this process alone there is nothing to read.
    pub async fn poll(self, db: Db, engine: Engine<PlaceOrder>) {
        if !db.is_shared() {
            return;
        }
        loop {
            self.waited().await;
            let known = self.known(|id| !engine.drives(id));
            if !known.is_empty() {
                match db.read(move |tx| changed(tx, &known)).await {
                    Ok(orders) => orders.iter().for_each(|order| self.changed(order)),
                    Err(error) => {
                        tracing::debug!(
                            error = chain(&error),
                            "the orders that are waited for cannot be read"
                        );
                    }
                }
            }
            sleep(EVERY).await;
        }
    }
}

/// The orders that have another version than is known.
fn changed(tx: &mut Tx<'_>, known: &HashMap<OrderId, i64>) -> Result<Vec<Arc<Order>>, madang_db::Error> {
    let ids: Vec<OrderId> = known.keys().copied().collect();
    let mut orders = Vec::new();
    for (id, version) in store::versions(tx, &ids)? {
        if known.get(&id) != Some(&version) {
            orders.extend(store::order(tx, id)?.map(|owned| Arc::new(owned.order)));
        }
    }
    Ok(orders)
}
