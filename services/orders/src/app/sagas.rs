//! What those who run the shop ask of sagas.

use madang_saga::{Saga as _, Waiting};
use uuid::Uuid;

use super::{App, Error};
use crate::domain::{Order, State};
use crate::saga::PlaceOrder;
use crate::store::{self, Owned};

pub use crate::store::sagas::{Filter, Place};

/// An order that is under way or stuck.
#[derive(Debug, Clone)]
pub struct Saga {
    /// The order.
    pub order: Order,
    /// The process that drives it, or was the last to.
    pub owner: Uuid,
    /// What its driver waits for; none where that is another process.
    pub waiting: Option<Waiting>,
}

impl Saga {
    /// The names of the steps whose undos belong to its end, in the order of the undos.
    pub fn undos(&self) -> Vec<&'static str> {
        let steps = match &self.order.state {
            State::Undoing { steps, .. } | State::Stuck { steps, .. } => steps.clone(),
            State::Pending | State::Confirmed | State::Rejected(_) | State::Cancelled(_) => 0..0,
        };
        let steps = PlaceOrder::STEPS.get(steps).unwrap_or_default();
        steps.iter().rev().map(|step| step.name).collect()
    }

    /// Where it stands in the list.
    pub fn place(&self) -> Place {
        Place::of(&self.order.state, self.owner, self.order.id)
    }
}

impl App {
    /// Sagas that are under way or stuck: those that are stuck first, the oldest first, after the place given, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn sagas(&self, filter: Filter, after: Option<Place>, limit: i64) -> Result<Vec<Saga>, Error> {
        let found: Vec<Owned> = self.db.read(move |tx| store::sagas::page(tx, filter, after, limit)).await?;
        let saga = |Owned { order, owner }| {
            let waiting = self.engine.waits_for(order.id).filter(|_| owner == self.owner);
            Saga { order, owner, waiting }
        };
        Ok(found.into_iter().map(saga).collect())
    }
}
