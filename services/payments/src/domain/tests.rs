//! No money is made or lost over random histories, and every arc of a payment is walked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use madang_types::{Currency, Money, OrderId};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Account, CardToken, Change, Decline, Entry, Movement, Payment, Refusal, State, Terms};

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn usd(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::USD).unwrap()
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn terms(amount: Money) -> Terms {
    let card: CardToken = "tok_visa".parse().unwrap();
    Terms { amount, card: card.digest(), customer: "mina".parse().unwrap() }
}

fn payment(state: State) -> Payment {
    Payment { order: order(1), state, updated: AT }
}

/// Payments of 10.00 in every state: authorized, captured, captured with 4.00 back, voided, tombstone, refunded, declined.
fn all() -> [Payment; 7] {
    let terms = || terms(usd(1000));
    [
        State::Authorized { terms: terms() },
        State::Captured { terms: terms(), refunded: usd(0) },
        State::Captured { terms: terms(), refunded: usd(400) },
        State::Voided { terms: Some(terms()) },
        State::Voided { terms: None },
        State::Refunded { terms: terms() },
        State::Declined { terms: terms(), reason: Decline::CardDeclined },
    ]
    .map(payment)
}

fn moved(from: Account, to: Account, minor_units: i64) -> Result<Change, Refusal> {
    Ok(Change::Applied(Movement { from, to, amount: usd(minor_units) }))
}

fn changes(of: impl Fn(Payment) -> Result<(Payment, Change), Refusal>) -> [Result<Change, Refusal>; 7] {
    all().map(|payment| of(payment).map(|(_, change)| change))
}

const ALREADY: Result<Change, Refusal> = Ok(Change::AlreadyApplied);

#[test]
fn an_approved_amount_is_held_and_a_declined_one_moves_nothing() {
    let (held, movement) = Payment::authorize(order(1), terms(usd(1000)), None, AT);
    assert_eq!(held.state, State::Authorized { terms: terms(usd(1000)) });
    let expected = Movement { from: Account::Customer, to: Account::Held, amount: usd(1000) };
    assert_eq!(movement, Some(expected));
    let (declined, movement) = Payment::authorize(order(1), terms(usd(1000)), Some(Decline::UnknownCard), AT);
    let reason = Decline::UnknownCard;
    assert_eq!((declined.state, movement), (State::Declined { terms: terms(usd(1000)), reason }, None));
}

#[test]
fn void_lets_go_what_is_held_and_nothing_else() {
    let captured = Err(Refusal::Captured);
    let let_go = moved(Account::Held, Account::Customer, 1000);
    let expected = [let_go, captured, captured, ALREADY, ALREADY, captured, ALREADY];
    assert_eq!(changes(|payment| payment.void(AT)), expected);
}

#[test]
fn capture_takes_what_is_held_and_nothing_else() {
    let not = Err(Refusal::NotAuthorized);
    let taken = moved(Account::Held, Account::Shop, 1000);
    let expected = [taken, ALREADY, ALREADY, not, not, ALREADY, not];
    assert_eq!(changes(|payment| payment.capture(AT)), expected);
}

#[test]
fn a_refund_without_an_amount_gives_back_all_that_is_left() {
    let not = Err(Refusal::NotCaptured);
    let back = |minor_units| moved(Account::Shop, Account::Customer, minor_units);
    let expected = [not, back(1000), back(600), not, not, ALREADY, not];
    assert_eq!(changes(|payment| payment.refund(None, AT)), expected);
}

#[test]
fn a_refund_never_exceeds_what_is_left() {
    let not = Err(Refusal::NotCaptured);
    let back = moved(Account::Shop, Account::Customer, 700);
    let exceeds = Err(Refusal::ExceedsCapture);
    let expected = [not, back, exceeds, not, not, exceeds, not];
    assert_eq!(changes(|payment| payment.refund(Some(usd(700)), AT)), expected);
}

#[test]
fn a_refund_in_another_currency_is_refused() {
    let won = Money::new(1, "KRW".parse().unwrap()).unwrap();
    let (not, other) = (Err(Refusal::NotCaptured), Err(Refusal::OtherCurrency));
    let expected = [not, other, other, not, not, other, not];
    assert_eq!(changes(|payment| payment.refund(Some(won), AT)), expected);
}

#[test]
fn partial_refunds_add_up_to_a_whole_one() {
    let [_, captured, ..] = all();
    let (partly, _) = captured.refund(Some(usd(999)), AT).unwrap();
    assert_eq!(partly.refunded(), Some(usd(999)));
    assert_eq!(partly.state, State::Captured { terms: terms(usd(1000)), refunded: usd(999) });
    let (whole, _) = partly.refund(Some(usd(1)), AT).unwrap();
    assert_eq!(whole.state, State::Refunded { terms: terms(usd(1000)) });
    assert_eq!(whole.refunded(), Some(usd(1000)));
}

#[test]
fn a_cancel_gives_back_what_is_held_or_captured() {
    let back = |minor_units| moved(Account::Shop, Account::Customer, minor_units);
    let let_go = moved(Account::Held, Account::Customer, 1000);
    let expected = [let_go, back(1000), back(600), ALREADY, ALREADY, ALREADY, ALREADY];
    assert_eq!(changes(|payment| payment.cancel(AT)), expected);
}

#[test]
fn only_a_change_moves_the_time() {
    let later = Timestamp::from_second(60).unwrap();
    let times = |of: fn(Payment, Timestamp) -> Result<(Payment, Change), Refusal>| {
        all().map(|payment| of(payment, later).map_or(AT, |(payment, _)| payment.updated))
    };
    assert_eq!(times(Payment::void), [later, AT, AT, AT, AT, AT, AT]);
    assert_eq!(times(Payment::capture), [later, AT, AT, AT, AT, AT, AT]);
    assert_eq!(times(|payment, at| payment.refund(None, at)), [AT, later, later, AT, AT, AT, AT]);
}

#[test]
fn entries_that_disagree_with_the_state_are_found() {
    let entry = |account, minor_units| Entry { account, currency: Currency::USD, minor_units };
    let held = [entry(Account::Customer, -1000), entry(Account::Held, 1000)];
    let agreeing = all().map(|payment| payment.agrees_with(&held));
    assert_eq!(agreeing, [true, false, false, false, false, false, false]);
    let partly = [entry(Account::Customer, -600), entry(Account::Held, 0), entry(Account::Shop, 600)];
    let agreeing = all().map(|payment| payment.agrees_with(&partly));
    assert_eq!(agreeing, [false, false, true, false, false, false, false]);
    let agreeing = all().map(|payment| payment.agrees_with(&[]));
    assert_eq!(agreeing, [false, false, false, true, true, true, true]);
    let won = held.map(|entry| Entry { currency: "KRW".parse().unwrap(), ..entry });
    assert!(all().iter().all(|payment| !payment.agrees_with(&won)));
}

#[test]
fn every_refusal_is_found_by_its_reason() {
    for payment in all() {
        for refusal in [payment.clone().void(AT), payment.capture(AT)].into_iter().filter_map(Result::err) {
            assert_eq!(Refusal::named(refusal.reason().as_bytes()), Some(refusal));
        }
    }
    assert_eq!(Refusal::named(order(1).uuid().as_bytes()), None);
}

#[derive(Debug, Clone)]
enum Action {
    Authorize(i64, Option<Decline>),
    Void,
    Capture,
    Refund(Option<i64>),
    Cancel,
}

/// Orders, each with an action; every action may come again at once, as a repeat does.
fn actions() -> impl Strategy<Value = Vec<(u128, Action, bool)>> {
    let decline = prop_oneof![4 => Just(None), 1 => Just(Some(Decline::InsufficientFunds))];
    let action = prop_oneof![
        4 => (1..=super::CARD_LIMIT, decline).prop_map(|(units, decline)| Action::Authorize(units, decline)),
        1 => Just(Action::Void),
        3 => Just(Action::Capture),
        3 => proptest::option::of(1..=super::CARD_LIMIT / 2).prop_map(Action::Refund),
        1 => Just(Action::Cancel),
    ];
    proptest::collection::vec((0..6_u128, action, any::<bool>()), 0..80)
}

/// What the store and the use cases do, without a database.
#[derive(Default)]
struct Shop {
    payments: BTreeMap<OrderId, Payment>,
    ledger: Vec<(OrderId, Entry)>,
}

impl Shop {
    fn run(&mut self, n: u128, action: &Action) -> Option<Movement> {
        let currency = if n.is_multiple_of(2) { Currency::USD } else { "KRW".parse().unwrap() };
        let money = |units| Money::new(units, currency).unwrap();
        let id = order(n);
        let movement = match (self.payments.get(&id).cloned(), action) {
            (None, Action::Authorize(units, decline)) => {
                let (payment, movement) = Payment::authorize(id, terms(money(*units)), *decline, AT);
                self.payments.insert(id, payment);
                movement
            }
            (None, Action::Void | Action::Cancel) => {
                self.payments.insert(id, Payment::tombstone(id, AT));
                None
            }
            (None, Action::Capture | Action::Refund(_)) | (Some(_), Action::Authorize(..)) => None,
            (Some(payment), Action::Void) => self.change(payment.void(AT)),
            (Some(payment), Action::Capture) => self.change(payment.capture(AT)),
            (Some(payment), Action::Refund(units)) => self.change(payment.refund(units.map(money), AT)),
            (Some(payment), Action::Cancel) => self.change(payment.cancel(AT)),
        };
        let entries = movement.into_iter().flat_map(Movement::entries);
        self.ledger.extend(entries.map(|entry| (id, entry)));
        movement
    }

    fn change(&mut self, changed: Result<(Payment, Change), Refusal>) -> Option<Movement> {
        let (payment, change) = changed.ok()?;
        self.payments.insert(payment.order, payment);
        match change {
            Change::Applied(movement) => Some(movement),
            Change::AlreadyApplied => None,
        }
    }

    fn sums(&self, of: impl Fn(OrderId) -> bool) -> Vec<Entry> {
        let mut sums = BTreeMap::new();
        for (_, entry) in self.ledger.iter().filter(|(order, _)| of(*order)) {
            *sums.entry((entry.account, entry.currency)).or_insert(0) += entry.minor_units;
        }
        let entry = |((account, currency), minor_units)| Entry { account, currency, minor_units };
        sums.into_iter().map(entry).collect()
    }

    /// What the states say that the shop has, and holds.
    fn standing(&self, currency: Currency) -> [i64; 2] {
        let (mut shop, mut held) = (0, 0);
        for payment in self.payments.values() {
            match &payment.state {
                State::Captured { terms, refunded } if terms.amount.currency() == currency => {
                    shop += terms.amount.minor_units() - refunded.minor_units();
                }
                State::Authorized { terms } if terms.amount.currency() == currency => {
                    held += terms.amount.minor_units();
                }
                State::Captured { .. }
                | State::Authorized { .. }
                | State::Voided { .. }
                | State::Refunded { .. }
                | State::Declined { .. } => {}
            }
        }
        [shop, held]
    }
}

proptest! {
    #[test]
    fn no_money_is_made_or_lost_over_any_history(actions in actions()) {
        let mut shop = Shop::default();
        for (n, action, repeated) in actions {
            shop.run(n, &action);
            let partly = matches!(action, Action::Refund(Some(_)));
            if repeated && !partly {
                // A second refund of a part is another refund; its repeats are known by their request_id.
                prop_assert_eq!(shop.run(n, &action), None);
            }
            let sums = shop.sums(|_| true);
            for currency in [Currency::USD, "KRW".parse().unwrap()] {
                let of = |account| sums.iter()
                    .find(|sum| (sum.account, sum.currency) == (account, currency))
                    .map_or(0, |sum| sum.minor_units);
                let [has, holds] = shop.standing(currency);
                prop_assert_eq!([of(Account::Shop), of(Account::Held)], [has, holds]);
                prop_assert_eq!(of(Account::Customer), -has - holds);
                prop_assert!(has >= 0 && holds >= 0);
            }
            for payment in shop.payments.values() {
                prop_assert!(payment.agrees_with(&shop.sums(|order| order == payment.order)));
            }
        }
    }

    #[test]
    fn a_movement_sums_to_zero(units in 0..=i64::MAX) {
        let movement = Movement { from: Account::Customer, to: Account::Held, amount: usd(units) };
        prop_assert_eq!(movement.entries().iter().map(|entry| entry.minor_units).sum::<i64>(), 0);
    }
}
