use madang_api::inventory::v1::Stock;
use madang_api::notifications::v1::{Notification, NotificationKind};
use madang_api::orders::v1::{Order, OrderLine, OrderState};
use madang_api::payments::v1::{AccountBalance, Payment, PaymentState};
use madang_api::shipping::v1::{Shipment, ShipmentState};
use madang_api::types::v1::Money;

use super::*;

const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";
const TOTAL: i64 = 2_500;

fn usd(minor_units: i64) -> Money {
    Money { minor_units, currency_code: "USD".into() }
}

/// A shop with one order for two cups, whose traces everywhere are those of its state.
fn shop(state: OrderState) -> Facts {
    let mut facts = Facts::default();
    let line = OrderLine { product_id: "cup".into(), quantity: 2, unit_price: Some(usd(1_000)) };
    let mut order = Order { order_id: ORDER.into(), customer_id: "mina".into(), ..Order::default() };
    order.set_state(state);
    order.lines.push(line);
    (order.shipping_price, order.total) = (Some(usd(500)), Some(usd(TOTAL)));
    facts.orders.push(order);
    facts.notifications.extend(told(state));
    match state {
        OrderState::Confirmed => {
            facts.pay(PaymentState::Captured).ship(ShipmentState::Departed).stock(0, 2);
        }
        OrderState::Rejected => {
            facts.pay(PaymentState::Declined).stock(0, 0);
        }
        OrderState::Pending => {
            facts.pay(PaymentState::Authorized).stock(2, 0);
        }
        OrderState::Cancelled
        | OrderState::Cancelling
        | OrderState::Rejecting
        | OrderState::Stuck
        | OrderState::Unspecified => {
            facts.pay(PaymentState::Voided).ship(ShipmentState::Cancelled).stock(0, 0);
        }
    }
    facts
}

fn told(state: OrderState) -> Option<Notification> {
    let kinds = [
        (OrderState::Confirmed, NotificationKind::OrderConfirmed),
        (OrderState::Rejected, NotificationKind::OrderRejected),
        (OrderState::Cancelled, NotificationKind::OrderCancelled),
    ];
    let (_, kind) = kinds.into_iter().find(|(outcome, _)| *outcome == state)?;
    Some(Notification { order_id: ORDER.into(), kind: kind.into(), ..Notification::default() })
}

impl Facts {
    fn pay(&mut self, state: PaymentState) -> &mut Self {
        let mut payment = Payment { order_id: ORDER.into(), amount: Some(usd(TOTAL)), ..Payment::default() };
        payment.set_state(state);
        if state == PaymentState::Refunded {
            payment.refunded = Some(usd(TOTAL));
        }
        self.payments.insert(ORDER.into(), payment);
        let total_if = |is: bool| if is { TOTAL } else { 0 };
        let held = total_if(state == PaymentState::Authorized);
        let shop = total_if(state == PaymentState::Captured);
        self.balances = [("customer", -(held + shop)), ("held", held), ("shop", shop)]
            .map(|(account, units)| AccountBalance { account: account.into(), balance: Some(usd(units)) })
            .into();
        self
    }

    fn ship(&mut self, state: ShipmentState) -> &mut Self {
        let mut shipment = Shipment { order_id: ORDER.into(), ..Shipment::default() };
        shipment.set_state(state);
        self.shipments.insert(ORDER.into(), shipment);
        self
    }

    fn stock(&mut self, reserved: i64, sold: i64) -> &mut Self {
        let available = 10 - reserved - sold;
        self.stocks = vec![Stock { product_id: "cup".into(), received: 10, available, reserved, sold }];
        self
    }
}

#[track_caller]
fn violates(facts: &Facts, rule: &str) {
    let report = judge(facts);
    let broken: Vec<_> = report.violations().map(|(rule, violation)| (rule, &violation.detail)).collect();
    assert!(broken.iter().any(|(broken, _)| *broken == rule), "{rule}: {broken:?}");
}

const MONEY: &str = "an order holds its total, or nothing";
const PIECES: &str = "pieces reserved and sold are those of orders";
const SHIPMENT: &str = "shipments agree with their order";
const TOLD: &str = "the outcome was told once";

#[test]
fn a_sound_shop_has_no_violation_in_any_state() {
    for state in [
        OrderState::Pending,
        OrderState::Confirmed,
        OrderState::Rejected,
        OrderState::Cancelled,
        OrderState::Cancelling,
        OrderState::Rejecting,
    ] {
        let report = judge(&shop(state));
        assert!(report.is_clean(), "{state:?}: {:?}", report.violations().collect::<Vec<_>>());
        assert_eq!(report.orders.values().sum::<usize>(), 1);
    }
    assert!(judge(&Facts::default()).is_clean());
}

#[test]
fn a_confirmed_order_without_its_money_is_named() {
    let mut facts = shop(OrderState::Confirmed);
    facts.payments.clear();
    violates(&facts, MONEY);
    for state in [PaymentState::Voided, PaymentState::Declined, PaymentState::Refunded] {
        violates(shop(OrderState::Confirmed).pay(state), MONEY);
    }
    let report = judge(&facts);
    assert!(report.violations().any(|(_, violation)| violation.subject == ORDER));
}

#[test]
fn a_confirmed_order_holds_its_total_and_not_another_amount() {
    let mut facts = shop(OrderState::Confirmed);
    facts.payments.get_mut(ORDER).unwrap().amount = Some(usd(TOTAL + 1));
    violates(&facts, MONEY);
    let mut facts = shop(OrderState::Confirmed);
    facts.payments.get_mut(ORDER).unwrap().refunded = Some(usd(1));
    violates(&facts, MONEY);
}

#[test]
fn a_total_that_is_not_its_lines_is_named() {
    let mut facts = shop(OrderState::Pending);
    facts.orders[0].lines[0].quantity = 3;
    violates(&facts, MONEY);
    facts.orders[0].lines[0].quantity = i64::MAX;
    violates(&facts, MONEY);
}

#[test]
fn an_order_that_is_over_holds_nothing() {
    for state in [OrderState::Rejected, OrderState::Cancelled] {
        violates(shop(state).pay(PaymentState::Authorized), MONEY);
        violates(shop(state).pay(PaymentState::Captured), MONEY);
        let mut never_paid = shop(state);
        never_paid.payments.clear();
        never_paid.balances.clear();
        assert!(judge(&never_paid).is_clean());
    }
    assert!(judge(shop(OrderState::Cancelled).pay(PaymentState::Refunded)).is_clean());
}

#[test]
fn a_pending_order_may_not_have_begun_but_never_has_let_go() {
    let mut facts = shop(OrderState::Pending);
    facts.payments.clear();
    facts.balances.clear();
    facts.stock(0, 0);
    assert!(judge(&facts).is_clean());
    violates(shop(OrderState::Pending).pay(PaymentState::Voided), MONEY);
}

#[test]
fn money_held_for_no_order_is_named() {
    let mut facts = shop(OrderState::Pending);
    facts.orders.clear();
    violates(&facts, "money is held for orders only");
}

#[test]
fn a_ledger_that_lost_or_made_money_is_named() {
    let mut facts = shop(OrderState::Confirmed);
    facts.balances[0].balance = Some(usd(0));
    violates(&facts, "the ledger sums to zero");

    let mut facts = shop(OrderState::Confirmed);
    facts.balances[0].balance = Some(usd(-2 * TOTAL));
    facts.balances[2].balance = Some(usd(2 * TOTAL));
    violates(&facts, "accounts hold what payments say");

    let mut facts = shop(OrderState::Confirmed);
    facts.inconsistent.push(ORDER.into());
    violates(&facts, "entries agree with their payment");
}

#[test]
fn lost_pieces_are_named() {
    let mut facts = shop(OrderState::Confirmed);
    facts.stocks[0].available -= 1;
    violates(&facts, "received = available + reserved + sold");
    facts.stocks[0] = Stock { available: -1, received: 1, ..facts.stocks[0].clone() };
    violates(&facts, "received = available + reserved + sold");
}

#[test]
fn pieces_that_no_order_accounts_for_are_named() {
    violates(shop(OrderState::Confirmed).stock(2, 0), PIECES);
    violates(shop(OrderState::Confirmed).stock(0, 3), PIECES);
    violates(shop(OrderState::Rejected).stock(2, 0), PIECES);
    violates(shop(OrderState::Pending).stock(3, 0), PIECES);
    violates(shop(OrderState::Pending).stock(0, 2), PIECES);
    let mut facts = shop(OrderState::Confirmed);
    facts.stocks.clear();
    violates(&facts, PIECES);
}

#[test]
fn a_parcel_departs_exactly_where_its_order_is_confirmed_and_paid() {
    violates(shop(OrderState::Confirmed).ship(ShipmentState::Arranged), SHIPMENT);
    violates(shop(OrderState::Confirmed).pay(PaymentState::Authorized), SHIPMENT);
    violates(shop(OrderState::Confirmed).ship(ShipmentState::Cancelled), SHIPMENT);
    violates(shop(OrderState::Cancelled).ship(ShipmentState::Departed), SHIPMENT);
    violates(shop(OrderState::Rejected).ship(ShipmentState::Arranged), SHIPMENT);
    let mut outstanding = shop(OrderState::Confirmed);
    outstanding.pay(PaymentState::Authorized).ship(ShipmentState::Arranged);
    assert!(judge(&outstanding).is_clean(), "a failed capture holds the parcel");
}

#[test]
fn each_final_order_is_told_once_and_truly() {
    for state in [OrderState::Confirmed, OrderState::Rejected, OrderState::Cancelled] {
        let mut silent = shop(state);
        silent.notifications.clear();
        violates(&silent, TOLD);
        let mut twice = shop(state);
        twice.notifications.extend(told(state));
        violates(&twice, TOLD);
    }
    let mut both = shop(OrderState::Rejected);
    both.notifications.extend(told(OrderState::Confirmed));
    violates(&both, TOLD);
    let mut late = shop(OrderState::Cancelled);
    late.notifications.extend(told(OrderState::Confirmed));
    assert!(judge(&late).is_clean(), "it was confirmed before it was cancelled");
}

#[test]
fn a_stuck_order_is_named() {
    violates(&shop(OrderState::Stuck), "no order is stuck");
}
