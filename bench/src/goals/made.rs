//! An order as orders keeps it, and what orders publishes of it.

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use madang_api::events::v1::{OrderConfirmed, OrderPlaced};
use madang_events::NewEvent;
use madang_orders::domain::{CardToken, Line, Order, State};
use madang_types::{Address, Currency, Money, OrderId, Quantity};
use uuid::Uuid;

use crate::shop::PRODUCT;

/// With what it is paid.
pub(super) const CARD: &str = "tok_visa";
/// The call that asked for it.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// An id at random: the worst for an index, as clients' are.
pub(super) fn uuid() -> Uuid {
    Uuid::from_u128(rand::random())
}

pub(super) fn order() -> Result<Order> {
    let won = "KRW".parse::<Currency>()?;
    let lines = vec!["1 Courtyard Road".to_owned()];
    let address = Address::new("KR", "04524".to_owned(), "First Customer".to_owned(), lines);
    let quantity = Quantity::try_from(1_i64)?;
    Ok(Order {
        id: OrderId::new(uuid()),
        customer: "load-00000000000000000000000000000001-0".parse()?,
        lines: vec![Line { product: PRODUCT.parse()?, quantity, unit_price: Money::new(18_000, won)? }],
        shipping_price: Money::new(3_000, won)?,
        total: Money::new(21_000, won)?,
        weight_grams: 450,
        address: address.map_err(|wrong| anyhow!("{wrong:?}"))?,
        card: CardToken::new(CARD.to_owned()),
        state: State::Pending,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
        version: 1,
        traceparent: TRACE.to_owned(),
    })
}

pub(super) fn placed(order: &Order) -> NewEvent {
    let (order_id, customer_id) = (order.id.to_string(), order.customer.to_string());
    let key = order_id.clone();
    let payload = OrderPlaced { order_id, customer_id, total: Some(order.total.into()) };
    NewEvent::new(uuid(), key, order.created, &payload).caused_by(TRACE)
}

pub(super) fn confirmed(order: &Order) -> NewEvent {
    let (order_id, customer_id) = (order.id.to_string(), order.customer.to_string());
    let key = order_id.clone();
    let payload = OrderConfirmed { order_id, customer_id, total: Some(order.total.into()) };
    NewEvent::new(uuid(), key, order.updated, &payload).caused_by(TRACE)
}
