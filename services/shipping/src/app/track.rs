use std::time::Duration;

use madang_types::OrderId;
use tokio::sync::watch;

use super::{App, Error};
use crate::domain::{Shipment, Step};

/// How often a parcel that waits in the shop is looked at, and the clock while it travels: that may step.
const POLL: Duration = Duration::from_millis(500);
/// A busy shop raises often; a parcel is looked at no more often than this.
const PAUSE: Duration = Duration::from_millis(50);

/// Follows one parcel. It holds nothing but its place, so a reader that is slow costs nothing.
#[derive(Debug)]
pub struct Tracker {
    app: App,
    shipment: Shipment,
    raised: watch::Receiver<u64>,
    told: usize,
}

impl Tracker {
    pub(super) async fn start(app: App, order: OrderId) -> Result<Self, Error> {
        let mut raised = app.db.raised();
        // Seen before the row is read: what is raised in the meantime makes it look again.
        raised.mark_unchanged();
        let shipment = app.shipment(order).await?;
        Ok(Self { app, shipment, raised, told: 0 })
    }

    /// The next step, as soon as it happens; none after the last.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn next(&mut self) -> Result<Option<Step>, Error> {
        loop {
            let steps = self.shipment.steps(self.app.transit_time);
            let now = self.app.clock.now();
            match steps.get(self.told) {
                Some(step) if step.has_happened(now) => {
                    self.told += 1;
                    return Ok(Some(*step));
                }
                Some(step) => {
                    let left = Duration::try_from(step.at.duration_since(now)).unwrap_or_default();
                    tokio::time::sleep(left.min(POLL)).await;
                }
                None if steps.last().is_some_and(Step::is_last) => return Ok(None),
                None => {
                    self.changed().await;
                    self.shipment = self.app.shipment(self.shipment.order).await?;
                }
            }
        }
    }

    /// Waits until the row may have changed.
    async fn changed(&mut self) {
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            Ok(()) = self.raised.changed() => {}
            () = tokio::time::sleep(POLL - PAUSE) => {}
        }
    }
}
