//! The saga as a table, and its store: the order's own row.

use std::ops::Range;
use std::sync::Arc;

use madang_api::events::v1::{OrderCancelled, OrderConfirmed, OrderRejected};
use madang_chassis::Platform;
use madang_chassis::trace::{self, Stretch};
use madang_db::{Db, Kind, Tx};
use madang_events::{NewEvent, publish};
use madang_saga::{BoxError, Direction, Guard, Progress, Saga, Step, UndoRefused};
use madang_types::{Clock, Ids, OrderId};
use uuid::Uuid;

use super::Participants;
use super::meters::Meters;
use super::participants::STEP_TIMEOUT;
use crate::domain::{Order, Reason, State};
use crate::store::{self, Guarded};
use crate::watch::Watchers;

/// The saga of an order, driven by one process.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    participants: Participants,
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    watchers: Watchers,
    owner: Uuid,
    meters: Meters,
}

impl PlaceOrder {
    /// Over an own database; `owner` names this process.
    pub fn new(
        participants: Participants,
        (db, owner): (Db, Uuid),
        watchers: Watchers,
        platform: &Platform,
    ) -> Self {
        let (clock, ids) = (Arc::clone(&platform.clock), Arc::clone(&platform.ids));
        let meters = Meters::new(platform);
        Self { participants, db, clock, ids, watchers, owner, meters }
    }

    /// Moves the order to its next state and publishes what happened, in one transaction.
    async fn move_to(&self, kind: Kind, order: &Order, state: Option<State>) -> Result<Guard, BoxError> {
        let Some(state) = state else { return Ok(Guard::Lost) };
        let next = Arc::new(order.moved(state, self.clock.now()));
        let (event, written) = (event(&order.state, &next, self.ids.uuid()), Arc::clone(&next));
        let work = move |tx: &mut Tx<'_>| -> Result<Guarded, madang_db::Error> {
            let guarded = store::update(tx, &written)?;
            if let (Guarded::Held, Some(event)) = (guarded, &event) {
                publish(tx, event)?;
            }
            Ok(guarded)
        };
        match self.db.write(kind, work).await? {
            Guarded::Held => {
                tracing::info!(order.state = ?next.state, "the order moved");
                self.meters.moved(&order.state, &next.state);
                if matches!(next.state, State::Stuck { .. }) {
                    tracing::error!("an order is stuck: see ResumeOrder");
                }
                self.watchers.changed(&next);
                Ok(Guard::Held)
            }
            Guarded::Lost => Ok(Guard::Lost),
        }
    }

    /// The order as it is now, as the context of a further move.
    async fn current(&self, id: OrderId) -> Result<Option<Order>, BoxError> {
        let owner = self.owner;
        let found = self.db.read(move |tx| store::order(tx, id)).await?;
        Ok(found.filter(|found| found.owner == owner).map(|found| found.order))
    }
}

impl Saga for PlaceOrder {
    type Id = OrderId;
    type Context = Arc<Order>;

    const STEPS: &'static [Step<Self>] = &[
        Step {
            name: "reserve-stock",
            timeout: STEP_TIMEOUT,
            action: |saga, order| Box::pin(saga.participants.reserve_stock(order)),
            undo: |saga, order| Box::pin(saga.participants.release_stock(order)),
        },
        Step {
            name: "authorize-payment",
            timeout: STEP_TIMEOUT,
            action: |saga, order| Box::pin(saga.participants.authorize_payment(order)),
            undo: |saga, order| Box::pin(saga.participants.void_payment(order)),
        },
        Step {
            name: "arrange-shipment",
            timeout: STEP_TIMEOUT,
            action: |saga, order| Box::pin(saga.participants.arrange_shipment(order)),
            undo: |saga, order| Box::pin(saga.participants.cancel_shipment(order)),
        },
        // Then the pivot: `confirm`.
    ];

    async fn load(&self, id: OrderId) -> Result<Progress<Arc<Order>>, BoxError> {
        let Some(order) = self.current(id).await?.map(Arc::new) else { return Ok(Progress::Settled) };
        // A move whose COMMIT was not answered was told to nobody; older news than they have is left unheard.
        self.watchers.changed(&order);
        Ok(match order.state.clone() {
            State::Pending => Progress::Forward(order),
            State::Undoing { steps, .. } => Progress::Backward(order, steps),
            State::Confirmed | State::Rejected(_) | State::Cancelled(_) | State::Stuck { .. } => {
                Progress::Settled
            }
        })
    }

    async fn open(&self, limit: usize) -> Result<Vec<OrderId>, BoxError> {
        let (owner, limit) = (self.owner, i64::try_from(limit)?);
        // Each alone: together they would want a transaction.
        let open = self.db.read(move |tx| store::open(tx, owner, limit)).await?;
        let stuck = self.db.read(store::stuck).await?;
        self.meters.see(&open, stuck);
        Ok(open.ids)
    }

    async fn within<T: Send>(
        &self,
        order: &Arc<Order>,
        direction: Direction,
        work: impl Future<Output = T> + Send,
    ) -> T {
        let (name, direction) = ("place-order", direction.as_str());
        let stretch = Stretch { name, direction, order: order.id, traceparent: &order.traceparent };
        trace::saga(&*self.ids, &stretch, work).await
    }

    fn expired(&self, order: &Arc<Order>) -> Option<&'static str> {
        order.is_expired(self.clock.now()).then_some(Reason::ORDER_EXPIRED)
    }

    async fn confirm(&self, order: &Arc<Order>) -> Result<Guard, BoxError> {
        self.move_to(Kind::OrderPath, order, order.state.confirm()).await
    }

    async fn refuse(&self, order: &Arc<Order>, reason: &str, steps: Range<usize>) -> Result<Guard, BoxError> {
        self.move_to(Kind::FollowUp, order, order.state.refuse(Reason::new(reason), steps)).await
    }

    async fn settle(&self, order: &Arc<Order>) -> Result<Guard, BoxError> {
        self.move_to(Kind::FollowUp, order, order.state.settle()).await
    }

    async fn undo_refused(&self, order: &Arc<Order>, refused: UndoRefused<'_>) -> Result<Guard, BoxError> {
        self.move_to(Kind::FollowUp, order, order.state.undo_refused(refused.reason)).await
    }
}

/// What others must know of a move, if anything. An order that is confirmed again is not told again.
fn event(from: &State, order: &Order, id: Uuid) -> Option<NewEvent> {
    let (order_id, customer_id) = (order.id.to_string(), order.customer.to_string());
    let key = order_id.clone();
    match &order.state {
        State::Confirmed if *from == State::Pending => {
            let payload = OrderConfirmed { order_id, customer_id, total: Some(order.total.into()) };
            Some(NewEvent::new(id, key, order.updated, &payload))
        }
        State::Rejected(reason) => {
            let payload = OrderRejected { order_id, customer_id, reason: reason.to_string() };
            Some(NewEvent::new(id, key, order.updated, &payload))
        }
        State::Cancelled(reason) => {
            let payload = OrderCancelled { order_id, customer_id, reason: reason.to_string() };
            Some(NewEvent::new(id, key, order.updated, &payload))
        }
        State::Pending | State::Confirmed | State::Undoing { .. } | State::Stuck { .. } => None,
    }
}
