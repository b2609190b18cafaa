//! The saga where each participant keeps its own state in Restate: four virtual objects, called one after the other.

use restate_sdk::prelude::*;

use crate::order::{ORDER, Order};
use crate::steps::{Payment, Pieces, Shipment};

/// A product's pieces lie on so many shelves: an object does one call at a time, and all orders are of one product.
const SHELVES: u64 = 256;
/// The keys of the participants' state.
pub(crate) const PIECES: &str = "pieces";
pub(crate) const PAYMENT: &str = "payment";
pub(crate) const SHIPMENT: &str = "shipment";

/// Takes orders; its key is an order's id.
#[derive(Debug)]
pub(crate) struct Orders;
/// Its key is a product's shelf. Who reserved is in the journals: Restate calls it exactly once for each order.
#[derive(Debug)]
pub(crate) struct Stock;
/// Its key is an order's id.
#[derive(Debug)]
pub(crate) struct Payments;
/// Its key is an order's id.
#[derive(Debug)]
pub(crate) struct Shipments;

#[object]
impl Orders {
    #[handler]
    async fn place(&self, ctx: ObjectContext<'_>, order: Json<Order>) -> HandlerResult<Json<Order>> {
        if let Some(known) = ctx.get::<Json<Order>>(ORDER).await? {
            return Ok(known);
        }
        let order = order.into_inner();
        ctx.set(ORDER, Json(order.clone()));
        for line in &order.lines {
            let shelf = format!("{}/{}", line.product_id, shelf(&order.order_id));
            ctx.object_client::<StockClient>(shelf).reserve(line.quantity).call().await?;
        }
        let payment = Json(Payment::authorized(&order));
        ctx.object_client::<PaymentsClient>(&order.order_id).authorize(payment).call().await?;
        let shipment = Json(Shipment::arranged(&order));
        ctx.object_client::<ShipmentsClient>(&order.order_id).arrange(shipment).call().await?;
        let order = order.confirmed();
        ctx.set(ORDER, Json(order.clone()));
        Ok(Json(order))
    }
}

#[object]
impl Stock {
    #[handler]
    async fn reserve(&self, ctx: ObjectContext<'_>, quantity: i64) -> HandlerResult<()> {
        let pieces = ctx.get::<Json<Pieces>>(PIECES).await?.map_or(Pieces::PLENTY, Json::into_inner);
        ctx.set(PIECES, Json(pieces.reserve(quantity)?));
        Ok(())
    }
}

#[object]
impl Payments {
    #[handler]
    async fn authorize(&self, ctx: ObjectContext<'_>, payment: Json<Payment>) -> HandlerResult<()> {
        ctx.set(PAYMENT, payment);
        Ok(())
    }
}

#[object]
impl Shipments {
    #[handler]
    async fn arrange(&self, ctx: ObjectContext<'_>, shipment: Json<Shipment>) -> HandlerResult<()> {
        ctx.set(SHIPMENT, shipment);
        Ok(())
    }
}

/// Spreads orders over the shelves; the same order takes from the same one.
fn shelf(order_id: &str) -> u64 {
    order_id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SHELVES
}
