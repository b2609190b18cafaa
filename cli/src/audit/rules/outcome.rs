use std::collections::BTreeMap;

use madang_api::notifications::v1::NotificationKind;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::payments::v1::{Payment, PaymentState};
use madang_api::shipping::v1::{Shipment, ShipmentState};

use super::{Check, Facts};
use crate::order::show::state_name;

/// A parcel is on its way exactly where its order is confirmed and paid.
pub(super) fn shipments(facts: &Facts) -> Check {
    Check::new("shipments agree with their order", facts.finals(), |order| {
        let shipment = facts.shipments.get(&order.order_id).map(Shipment::state);
        let payment = facts.payments.get(&order.order_id).map(Payment::state);
        let expected = match (order.state(), payment) {
            (OrderState::Confirmed, Some(PaymentState::Captured | PaymentState::Refunded)) => {
                Some(ShipmentState::Departed)
            }
            (OrderState::Confirmed, _) => Some(ShipmentState::Arranged),
            _ => Some(ShipmentState::Cancelled).filter(|_| shipment.is_some()),
        };
        let detail = || {
            let (is, should) = (shipment_name(shipment), shipment_name(expected));
            format!("the order is {}, its parcel {is}, not {should}", state_name(order.state()))
        };
        (order.order_id.clone(), (shipment != expected).then(detail))
    })
}

/// The customer was told the outcome of each final order once, and no other.
pub(super) fn notifications(facts: &Facts) -> Check {
    let mut told: BTreeMap<(&str, NotificationKind), usize> = BTreeMap::new();
    for notification in &facts.notifications {
        *told.entry((&notification.order_id, notification.kind())).or_default() += 1;
    }
    let count = |order: &Order, kind| told.get(&(order.order_id.as_str(), kind)).copied().unwrap_or(0);
    Check::new("the outcome was told once", facts.finals(), |order| {
        let confirmed = count(order, NotificationKind::OrderConfirmed);
        let rejected = count(order, NotificationKind::OrderRejected);
        let cancelled = count(order, NotificationKind::OrderCancelled);
        let state = order.state();
        let right = [confirmed, rejected, cancelled]
            == [OrderState::Confirmed, OrderState::Rejected, OrderState::Cancelled]
                .map(|outcome| usize::from(outcome == state));
        // One that was cancelled may have been confirmed before.
        let cancelled_late = state == OrderState::Cancelled && [confirmed, rejected, cancelled] == [1, 0, 1];
        let right = right || cancelled_late;
        let state = state_name(state);
        let detail = || {
            format!(
                "{state}, but told {confirmed} times CONFIRMED, {rejected} REJECTED, {cancelled} CANCELLED"
            )
        };
        (order.order_id.clone(), (!right).then(detail))
    })
}

/// No order waits for an operator.
pub(super) fn stuck(facts: &Facts) -> Check {
    Check::new("no order is stuck", &facts.orders, |order| {
        let detail = || "its undo keeps failing; an operator must look and resume it".to_owned();
        (order.order_id.clone(), (order.state() == OrderState::Stuck).then(detail))
    })
}

fn shipment_name(state: Option<ShipmentState>) -> &'static str {
    state.map_or("MISSING", |state| state.as_str_name().trim_start_matches("SHIPMENT_STATE_"))
}
