//! Orders as people read them.

use anstyle::Style;
use madang_api::convert;
use madang_api::orders::v1::{Order, OrderState};
use madang_api::types::v1::Money;

use crate::output::{BAD, Cell, FAINT, GOOD, STRONG, Table, WAITS, styled};

/// The state's name, such as `CONFIRMED`.
pub fn state_name(state: OrderState) -> &'static str {
    state.as_str_name().trim_start_matches("ORDER_STATE_")
}

/// The state and, for what was refused, the reason: `REJECTED CARD_DECLINED`.
pub fn outcome(order: &Order) -> String {
    let state = state_name(order.state());
    match matches!(order.state(), OrderState::Rejected | OrderState::Rejecting) {
        true => format!("{state} {}", order.reason),
        false => state.to_owned(),
    }
}

/// An amount, such as `19.99 USD`. All currencies of the shop have two decimals.
pub fn money(money: Option<&Money>) -> String {
    let Some(Money { minor_units, currency_code }) = money else { return "-".to_owned() };
    let (sign, units) = (if *minor_units < 0 { "-" } else { "" }, minor_units.unsigned_abs());
    format!("{sign}{}.{:02} {currency_code}", units / 100, units % 100)
}

/// An order with its lines.
pub(super) fn order(order: &Order) -> String {
    let reason = if order.reason.is_empty() { String::new() } else { format!(" ({})", order.reason) };
    let state = styled(style(order.state()), state_name(order.state()));
    let mut lines = Table::new(["product", ">pieces", ">each"]);
    for line in &order.lines {
        let price = money(line.unit_price.as_ref());
        lines.row([line.product_id.as_str().into(), Cell::number(line.quantity), Cell::number(price)]);
    }
    let total = styled(STRONG, &money(order.total.as_ref()));
    let shipping = money(order.shipping_price.as_ref());
    let (id, customer) = (&order.order_id, &order.customer_id);
    format!(
        "order {id} of {customer}: {state}{reason}\n{}total {total}, {shipping} of it shipping\n",
        lines.render()
    )
}

/// One change of a followed order, on a line.
pub(super) fn change(order: &Order) -> String {
    let time = styled(FAINT, &time(order.update_time));
    format!("{time}  {}", styled(style(order.state()), &outcome(order)))
}

/// Orders, one a line.
pub(super) fn table(orders: &[Order]) -> Table {
    let mut table = Table::new(["order", "placed", "state", "reason", ">total"]);
    for order in orders {
        let state = Cell::new(style(order.state()), state_name(order.state()));
        let total = Cell::number(money(order.total.as_ref()));
        let placed = time(order.create_time);
        table.row([
            order.order_id.as_str().into(),
            placed.into(),
            state,
            order.reason.as_str().into(),
            total,
        ]);
    }
    table
}

/// The style of a state.
pub fn style(state: OrderState) -> Style {
    match state {
        OrderState::Confirmed => GOOD,
        OrderState::Rejected | OrderState::Stuck => BAD,
        OrderState::Cancelled => FAINT,
        OrderState::Pending | OrderState::Cancelling | OrderState::Rejecting | OrderState::Unspecified => {
            WAITS
        }
    }
}

fn time(time: Option<prost_types::Timestamp>) -> String {
    time.and_then(convert::moment).map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_told_in_its_currency() {
        let usd = |minor_units| Money { minor_units, currency_code: "USD".into() };
        assert_eq!(money(Some(&usd(1_999))), "19.99 USD");
        assert_eq!(money(Some(&usd(-5))), "-0.05 USD");
        assert_eq!(money(Some(&usd(i64::MIN))), "-92233720368547758.08 USD");
        assert_eq!(money(None), "-");
    }

    #[test]
    fn only_a_refusal_is_told_with_its_reason() {
        let mut order = Order { reason: "CARD_DECLINED".into(), ..Order::default() };
        order.set_state(OrderState::Rejected);
        assert_eq!(outcome(&order), "REJECTED CARD_DECLINED");
        order.set_state(OrderState::Cancelled);
        assert_eq!(outcome(&order), "CANCELLED");
    }
}
