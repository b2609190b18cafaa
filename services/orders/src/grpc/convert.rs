//! Words of the domain as messages of proto/.

use madang_api::convert::timestamp;
use madang_api::orders::v1;
use madang_saga::Waiting;

use crate::app::Saga;
use crate::domain::{Line, Order, State, Way};

impl From<&Order> for v1::Order {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id.to_string(),
            customer_id: order.customer.to_string(),
            state: state(&order.state).into(),
            reason: order.state.reason().map(ToString::to_string).unwrap_or_default(),
            lines: order.lines.iter().map(Into::into).collect(),
            shipping_price: Some(order.shipping_price.into()),
            total: Some(order.total.into()),
            address: Some((&order.address).into()),
            create_time: Some(timestamp(order.created)),
            update_time: Some(timestamp(order.updated)),
        }
    }
}

impl From<&Line> for v1::OrderLine {
    fn from(line: &Line) -> Self {
        Self {
            product_id: line.product.to_string(),
            quantity: line.quantity.get(),
            unit_price: Some(line.unit_price.into()),
        }
    }
}

impl From<&Saga> for v1::Saga {
    fn from(saga: &Saga) -> Self {
        let order = &saga.order;
        let stuck_in = match &order.state {
            State::Stuck { way, .. } => way_back(*way),
            State::Pending
            | State::Confirmed
            | State::Undoing { .. }
            | State::Rejected(_)
            | State::Cancelled(_) => v1::OrderState::Unspecified,
        };
        Self {
            order_id: order.id.to_string(),
            customer_id: order.customer.to_string(),
            state: state(&order.state).into(),
            reason: order.state.reason().map(ToString::to_string).unwrap_or_default(),
            total: Some(order.total.into()),
            create_time: Some(timestamp(order.created)),
            update_time: Some(timestamp(order.updated)),
            owner: saga.owner.to_string(),
            stuck_in: stuck_in.into(),
            undos: saga.undos().into_iter().map(str::to_owned).collect(),
            wait: saga.waiting.as_ref().map(wait),
        }
    }
}

fn wait(waiting: &Waiting) -> v1::SagaWait {
    v1::SagaWait {
        step: waiting.step.to_owned(),
        undo: waiting.undo,
        failures: i32::try_from(waiting.failures).unwrap_or(i32::MAX),
        cause: waiting.cause.clone(),
    }
}

fn way_back(way: Way) -> v1::OrderState {
    match way {
        Way::Cancelling => v1::OrderState::Cancelling,
        Way::Rejecting => v1::OrderState::Rejecting,
    }
}

/// The state as proto/ names it.
pub(super) fn state(state: &State) -> v1::OrderState {
    match state {
        State::Pending => v1::OrderState::Pending,
        State::Confirmed => v1::OrderState::Confirmed,
        State::Undoing { way, .. } => way_back(*way),
        State::Rejected(_) => v1::OrderState::Rejected,
        State::Cancelled(_) => v1::OrderState::Cancelled,
        State::Stuck { .. } => v1::OrderState::Stuck,
    }
}
