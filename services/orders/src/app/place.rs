//! Placing an order.

use std::sync::Arc;

use madang_api::events::v1::OrderPlaced;
use madang_chassis::trace;
use madang_db::{Kind, Tx};
use madang_events::requests::{self, Fingerprint, Request};
use madang_events::{NewEvent, publish};
use madang_types::{Address, CustomerId, OrderId, ProductId, Quantity, RequestId};
use tokio::time::Instant;
use uuid::Uuid;

use super::{App, Error, patience, settled};
use crate::domain::{CardToken, Order, State};
use crate::store;

const RPC: &str = "PlaceOrder";
/// An order waits for the database three times until it is confirmed, and for its participants. Where one wait is longer than this
/// part of what its caller waits for all, it is not taken: it would be done when nobody waits for it, and so would those that were.
const WAITS: u32 = 4;

/// What a client orders.
#[derive(Debug, Clone)]
pub struct Place {
    /// Names this write.
    pub request: RequestId,
    /// Who.
    pub customer: CustomerId,
    /// What; each product once.
    pub cart: Vec<(ProductId, Quantity)>,
    /// Where to.
    pub address: Address,
    /// With what it is paid.
    pub card: CardToken,
}

impl App {
    /// Places an order. Answers when it is final, or with the state it has when the caller's time is nearly over.
    ///
    /// # Errors
    /// [`Error::Reused`], [`Error::Cart`], [`Error::Upstream`], [`Error::Db`]: nothing was written then.
    pub async fn place(&self, command: Place) -> Result<Arc<Order>, Error> {
        let (until, fingerprint) = (patience(), command.fingerprint());
        self.db.admit(until.saturating_duration_since(Instant::now()) / WAITS)?;
        // The id comes first, so that all that is done for the order can name it.
        let id = OrderId::new(self.ids.uuid());
        trace::order(id);
        // Before any call to another service: a repeat must not depend on the catalogue being there.
        if let Some(order) = self.repeated(command.request, fingerprint.clone()).await? {
            return self.settled(Arc::new(order), until).await;
        }
        let order = self.priced(id, &command).await?;
        let watch = self.watchers.watch(order.id);
        let app = self.clone();
        let begun = self.detached(async move { app.begin(order, command.request, fingerprint).await });
        match begun.await? {
            (stored, true) => Ok(settled(stored, watch, until).await),
            (stored, false) => self.settled(stored, until).await,
        }
    }

    async fn repeated(&self, request: RequestId, fingerprint: Fingerprint) -> Result<Option<Order>, Error> {
        self.db.read(move |tx| find(tx, request, &fingerprint)).await
    }

    async fn priced(&self, id: OrderId, command: &Place) -> Result<Order, Error> {
        let priced = self.pricing.goods(&command.cart).await?;
        let shipping_price = self.pricing.parcel(command.address.region(), priced.weight_grams).await?;
        let total = priced.total(shipping_price)?;
        let now = self.clock.now();
        Ok(Order {
            id,
            customer: command.customer.clone(),
            lines: priced.lines,
            shipping_price,
            total,
            weight_grams: priced.weight_grams,
            address: command.address.clone(),
            card: Some(command.card.clone()),
            state: State::Pending,
            created: now,
            updated: now,
            version: 1,
            traceparent: trace::origin().unwrap_or_default(),
        })
    }

    /// Writes the order and has it driven, unless a call with the same request_id was faster; tells which.
    async fn begin(
        &self,
        order: Order,
        request: RequestId,
        fingerprint: Fingerprint,
    ) -> Result<(Arc<Order>, bool), Error> {
        let (owner, event) = (self.owner, placed(&order, self.ids.uuid()));
        let order = Arc::new(order);
        let new = Arc::clone(&order);
        let work = move |tx: &mut Tx<'_>| -> Result<Option<Order>, Error> {
            if let Some(first) = find(tx, request, &fingerprint)? {
                return Ok(Some(first));
            }
            store::insert(tx, &new, owner)?;
            let request = Request { rpc: RPC, id: request, fingerprint: &fingerprint };
            requests::keep(tx, &request, new.id.uuid().as_bytes(), new.created)?;
            publish(tx, &event)?;
            Ok(None)
        };
        if let Some(first) = self.db.write(Kind::OrderPath, work).await? {
            return Ok((Arc::new(first), false));
        }
        self.engine.begin(order.id, Arc::clone(&order));
        Ok((order, true))
    }
}

impl Place {
    /// Version 1 covers every field that the client sets, but the request_id itself.
    fn fingerprint(&self) -> Fingerprint {
        let mut fields: Vec<Vec<u8>> = vec![self.customer.as_str().into(), self.card.reveal().into()];
        for (product, quantity) in &self.cart {
            fields.push(product.as_str().into());
            fields.push(quantity.get().to_be_bytes().into());
        }
        let region = self.address.region();
        let address = [region.as_str(), self.address.postal_code(), self.address.recipient()];
        fields.extend(address.into_iter().map(Into::into));
        fields.extend(self.address.lines().iter().map(|line| line.as_bytes().to_vec()));
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        Fingerprint::new(1, &fields)
    }
}

fn find(tx: &mut Tx<'_>, request: RequestId, fingerprint: &Fingerprint) -> Result<Option<Order>, Error> {
    let request = Request { rpc: RPC, id: request, fingerprint };
    let Some(key) = requests::check(tx, &request)? else { return Ok(None) };
    let Ok(id) = Uuid::from_slice(&key) else { return Ok(None) };
    // A repeat is about the first order, not about the one that it would have become.
    trace::order(OrderId::new(id));
    Ok(store::order(tx, OrderId::new(id))?.map(|found| found.order))
}

fn placed(order: &Order, id: Uuid) -> NewEvent {
    let payload = OrderPlaced {
        order_id: order.id.to_string(),
        customer_id: order.customer.to_string(),
        total: Some(order.total.into()),
    };
    NewEvent::new(id, order.id.to_string(), order.created, &payload)
}
