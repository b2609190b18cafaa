//! The saga where each step is a `run` of the order, as Restate's guide to sagas has it: the result is kept in the order's journal.
//! The participants answer at once and keep nothing, where the shop's commit a transaction each: the least that Restate can do.

use restate_sdk::prelude::*;

use crate::order::{ORDER, Order};
use crate::steps::{Payment, Pieces, Shipment};

/// Takes orders; its key is an order's id.
#[derive(Debug)]
pub(crate) struct Checkout;

#[object]
impl Checkout {
    #[handler]
    async fn place(&self, ctx: ObjectContext<'_>, order: Json<Order>) -> HandlerResult<Json<Order>> {
        if let Some(known) = ctx.get::<Json<Order>>(ORDER).await? {
            return Ok(known);
        }
        let order = order.into_inner();
        ctx.set(ORDER, Json(order.clone()));
        let pieces = order.lines.iter().map(|line| line.quantity).sum();
        ctx.run(async move || Ok(Json(Pieces::PLENTY.reserve(pieces)?))).name("reserve stock").await?;
        let payment = Payment::authorized(&order);
        ctx.run(async move || Ok(Json(payment))).name("authorize payment").await?;
        let shipment = Shipment::arranged(&order);
        ctx.run(async move || Ok(Json(shipment))).name("arrange shipment").await?;
        let order = order.confirmed();
        ctx.set(ORDER, Json(order.clone()));
        Ok(Json(order))
    }
}
