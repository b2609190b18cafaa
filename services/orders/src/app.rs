//! One function for each use case of orders.

mod place;
mod pricing;
mod sagas;

use std::sync::Arc;
use std::time::Duration;

use madang_chassis::{Platform, Tasks, deadline, trace};
use madang_db::{Db, Kind, Tx};
use madang_events::requests::{self, Fingerprint, Request};
use madang_saga::Engine;
use madang_types::{Clock, CustomerId, Ids, OrderId, RequestId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

pub use place::Place;
pub use pricing::Pricing;
pub use sagas::{Filter, Place as SagaPlace, Saga};

use crate::domain::{CancelRefused, CartError, Order, State};
use crate::saga::PlaceOrder;
use crate::store::{self, Owned};
use crate::watch::{Watch, Watchers};

/// How long a caller without a deadline waits for its order to be final.
const PATIENCE: Duration = Duration::from_secs(5);
/// The share of the caller's deadline that is waited: the rest is for the answer's way.
const SHARE: f64 = 0.8;

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such order.
    #[error("there is no order {0}")]
    UnknownOrder(OrderId),
    /// The request_id came with other content.
    #[error("the request_id was used for another request")]
    Reused,
    /// The cart has no price.
    #[error("the order has no price")]
    Cart(#[from] CartError),
    /// Catalogue or shipping refused, or did not answer: told on as it is.
    #[error("another service refused or did not answer")]
    Upstream(#[source] Box<tonic::Status>),
    /// The order was, or is being, refused.
    #[error("the order cannot be cancelled")]
    CancelRefused(#[from] CancelRefused),
    /// The parcel has left.
    #[error("the parcel has left; the order stays confirmed")]
    Departed,
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] madang_db::Error),
}

impl From<requests::Error> for Error {
    fn from(error: requests::Error) -> Self {
        match error {
            requests::Error::Reused => Self::Reused,
            requests::Error::Db(error) => Self::Db(error),
        }
    }
}

/// The use cases of orders. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    owner: Uuid,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    tasks: Tasks,
    pricing: Pricing,
    engine: Engine<PlaceOrder>,
    watchers: Watchers,
}

impl App {
    /// Over an own database, for the process named `owner`, whose sagas the engine drives.
    pub fn new(
        (db, owner): (Db, Uuid),
        platform: &Platform,
        pricing: Pricing,
        (engine, watchers): (Engine<PlaceOrder>, Watchers),
    ) -> Self {
        let (clock, ids) = (Arc::clone(&platform.clock), Arc::clone(&platform.ids));
        let tasks = platform.tasks.clone();
        Self { db, owner, clock, ids, tasks, pricing, engine, watchers }
    }

    /// Reads an order.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::Db`].
    pub async fn order(&self, id: OrderId) -> Result<Order, Error> {
        let found = self.db.read(move |tx| store::order(tx, id)).await?;
        found.map(|found| found.order).ok_or(Error::UnknownOrder(id))
    }

    /// A customer's orders, newest first, after the one given, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn of_customer(
        &self,
        customer: CustomerId,
        after: Option<OrderId>,
        limit: i64,
    ) -> Result<Vec<Order>, Error> {
        Ok(self.db.read(move |tx| store::of_customer(tx, &customer, after, limit)).await?)
    }

    /// All orders by id, after the one given, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn all(&self, after: Option<OrderId>, limit: i64) -> Result<Vec<Order>, Error> {
        Ok(self.db.read(move |tx| store::all(tx, after, limit)).await?)
    }

    /// Starts to wait for changes of an order, and reads it.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::Db`].
    pub async fn watch(&self, id: OrderId) -> Result<(Arc<Order>, Watch), Error> {
        let watch = self.watchers.watch(id);
        Ok((Arc::new(self.order(id).await?), watch))
    }

    /// Cancels an order. Answers when that is done, or with the state it has when the caller's time is nearly over.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::Reused`], [`Error::CancelRefused`], [`Error::Departed`], [`Error::Db`].
    pub async fn cancel(&self, request: RequestId, id: OrderId) -> Result<Arc<Order>, Error> {
        let (now, owner) = (self.clock.now(), self.owner);
        let fingerprint = Fingerprint::new(1, &[id.uuid().as_bytes()]);
        let until = patience();
        let work = move |tx: &mut Tx<'_>| -> Result<Order, Error> {
            let request = Request { rpc: "CancelOrder", id: request, fingerprint: &fingerprint };
            let repeated = requests::check(tx, &request)?.is_some();
            let Owned { order, owner: driver } = store::order(tx, id)?.ok_or(Error::UnknownOrder(id))?;
            if repeated {
                return Ok(order);
            }
            let next = order.state.cancel()?.map(|state| order.moved(state, now));
            if let Some(next) = &next {
                store::update_again(tx, next)?;
                // Its driver may be another replica's, which nobody tells: this one goes on.
                if driver != owner {
                    store::take_over(tx, id, owner)?;
                }
            }
            requests::keep(tx, &request, id.uuid().as_bytes(), now)?;
            Ok(next.unwrap_or(order))
        };
        let order = self.moved_and_told(work).await?;
        trace::link(&order.traceparent);
        cancelled(self.settled(order, until).await?)
    }

    /// Sends a stuck order back to its undos; any other is answered as it is.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::Db`].
    pub async fn resume(&self, id: OrderId) -> Result<Arc<Order>, Error> {
        let (now, owner) = (self.clock.now(), self.owner);
        let work = move |tx: &mut Tx<'_>| -> Result<Order, Error> {
            let order = store::order(tx, id)?.ok_or(Error::UnknownOrder(id))?.order;
            let Some(state) = order.state.resume() else { return Ok(order) };
            let next = order.moved(state, now);
            store::update_again(tx, &next)?;
            store::take_over(tx, id, owner)?;
            Ok(next)
        };
        self.moved_and_told(work).await
    }

    /// Writes an order's next state and tells its waiters and its driver, also when the caller is gone by then: a driver that
    /// is not told would go on as if nothing had happened.
    async fn moved_and_told(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Result<Order, Error> + Send + 'static,
    ) -> Result<Arc<Order>, Error> {
        let app = self.clone();
        self.detached(async move {
            let order = Arc::new(app.db.write(Kind::Request, work).await?);
            app.watchers.changed(&order);
            app.engine.nudge(order.id);
            Ok(order)
        })
        .await
    }

    /// Does work to its end, whether or not the caller waits for it.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, done) = oneshot::channel();
        self.tasks.spawn("order-write", async move {
            // Nobody listens where the caller hung up.
            answer.send(work.await).ok();
        });
        done.await.unwrap_or(Err(Error::Db(madang_db::Error::Closed)))
    }

    /// Waits until the order is final, or most of the caller's time is used.
    async fn settled(&self, order: Arc<Order>, until: Instant) -> Result<Arc<Order>, Error> {
        if order.state.is_final() {
            return Ok(order);
        }
        let (order, watch) = self.watch(order.id).await?;
        Ok(settled(order, watch, until).await)
    }
}

/// Until when a call that begins now waits for its order.
fn patience() -> Instant {
    Instant::now() + deadline::remaining().unwrap_or(PATIENCE).mul_f64(SHARE)
}

/// Waits with a watch that is older than the order's state.
async fn settled(mut order: Arc<Order>, mut watch: Watch, until: Instant) -> Arc<Order> {
    let end = tokio::time::sleep_until(until);
    tokio::pin!(end);
    while !order.state.is_final() && !matches!(order.state, State::Stuck { .. }) {
        tokio::select! {
            () = &mut end => break,
            changed = watch.after(order.version) => order = changed,
        }
    }
    order
}

/// What a cancellation that has come so far is told as.
fn cancelled(order: Arc<Order>) -> Result<Arc<Order>, Error> {
    match &order.state {
        State::Cancelled(_) | State::Undoing { .. } | State::Pending => Ok(order),
        State::Confirmed => Err(Error::Departed),
        State::Rejected(_) => Err(CancelRefused::Rejected.into()),
        State::Stuck { .. } => Err(CancelRefused::Stuck.into()),
    }
}
