//! What must hold once a scenario is over and no process is dead.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::inventory::v1::GetStockRequest;
use madang_api::notifications::v1::NotificationKind;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::payments::v1::{GetPaymentRequest, PaymentState};
use madang_tests::{Shop, audit};

use crate::scenario::{Cancelled, Cast, Played, RESTOCKED, Story};

/// Audits the whole shop, then looks at each order that was just played, and at all of its customer. Gives the orders that
/// the shop has.
///
/// # Errors
/// What does not hold.
pub(crate) async fn check(shop: &Shop, plays: &[(Cast, Vec<Played>)], patience: Duration) -> Result<u64> {
    // First: it waits until no event is under way.
    let report = audit::clean_within(patience, shop).await.context("the audit")?;
    for (cast, played) in plays {
        customer(cast, played).await?;
    }
    let counts = report["orders"].as_object().context("the audit counts no orders")?;
    Ok(counts.values().filter_map(serde_json::Value::as_u64).sum())
}

async fn customer(cast: &Cast, played: &[Played]) -> Result<()> {
    let orders = cast.customer.list().await?;
    ensure!(
        orders.len() == played.len(),
        "one order for each request: {} requests gave {} orders",
        played.len(),
        orders.len()
    );
    let told = cast.customer.told().await?;
    for played in played {
        let id = &played.order.order_id;
        let order = orders.iter().find(|order| order.order_id == *id);
        let order = order.with_context(|| format!("an acknowledged order is lost: {id}"))?;
        outcome(played, order).with_context(|| format!("the outcome of {id}"))?;
        let mut kinds: Vec<_> =
            told.iter().filter(|told| told.order_id == *id).map(|told| told.kind()).collect();
        kinds.sort_by_key(|kind| i32::from(*kind));
        ensure!(
            told_once(order.state(), &kinds),
            "told once: of {id}, {:?}, was told {kinds:?}",
            order.state()
        );
        paid(cast, order).await?;
    }
    Ok(())
}

/// The order ended as its story has it, and the answers that were given stay true.
fn outcome(played: &Played, order: &Order) -> Result<()> {
    let (ended, reason) = (order.state(), order.reason.as_str());
    let right = match (played.story, played.cancelled) {
        (Story::Bought | Story::AnswerLost, None) => ended == OrderState::Confirmed,
        (Story::Declined, None) => (ended, reason) == (OrderState::Rejected, "CARD_DECLINED"),
        (Story::SoldOut, None) => (ended, reason) == (OrderState::Rejected, "OUT_OF_STOCK"),
        (Story::CancelledEarly | Story::Regretted, Some(Cancelled::InTime)) => ended == OrderState::Cancelled,
        (Story::CancelledEarly | Story::Regretted | Story::CancelledLate, Some(Cancelled::TooLate)) => {
            ended == OrderState::Confirmed
        }
        _ => false,
    };
    ensure!(right, "{:?} (cancelled: {:?}) is {ended:?} {reason}", played.story, played.cancelled);
    let asked = &played.order;
    ensure!(order.lines == asked.lines && order.total == asked.total, "{asked:?} became {order:?}");
    Ok(())
}

/// Whether a customer was told each thing once, and nothing else.
fn told_once(ended: OrderState, told: &[NotificationKind]) -> bool {
    use NotificationKind::{OrderCancelled, OrderConfirmed, OrderRejected, ShipmentDeparted};
    match ended {
        OrderState::Confirmed => told == [OrderConfirmed, ShipmentDeparted],
        OrderState::Rejected => told == [OrderRejected],
        // It may have been confirmed before.
        OrderState::Cancelled => told == [OrderCancelled] || told == [OrderConfirmed, OrderCancelled],
        OrderState::Unspecified
        | OrderState::Pending
        | OrderState::Cancelling
        | OrderState::Rejecting
        | OrderState::Stuck => false,
    }
}

/// A confirmed order was paid, once and in full. That the others hold nothing is the audit's.
async fn paid(cast: &Cast, order: &Order) -> Result<()> {
    if order.state() != OrderState::Confirmed {
        return Ok(());
    }
    let request = GetPaymentRequest { order_id: order.order_id.clone() };
    let payment =
        cast.payments.clone().get_payment(request).await?.into_inner().payment.context("no payment")?;
    let whole =
        payment.amount == order.total && payment.refunded.as_ref().is_none_or(|it| it.minor_units == 0);
    ensure!(payment.state() == PaymentState::Captured && whole, "paid once: {order:?} has {payment:?}");
    Ok(())
}

/// The pieces that operators have brought so far.
pub(crate) async fn brought(cast: &Cast) -> Result<i64> {
    let request = GetStockRequest { product_id: RESTOCKED.to_owned() };
    let stock = cast.inventory.clone().get_stock(request).await?.into_inner().stock;
    Ok(stock.context("no stock")?.received)
}
