//! Every state meets every event, and carts have right prices.

use std::ops::Range;

use madang_types::{Currency, Grams, Money, ProductId, Quantity};
use proptest::prelude::*;

use super::{CancelRefused, CardToken, Cart, CartError, Offer, Priced, Reason, STEPS, State, Way};

fn reason() -> Reason {
    Reason::new("WHY")
}

fn undoing(way: Way, steps: Range<usize>) -> State {
    State::Undoing { way, reason: reason(), steps }
}

fn stuck(way: Way) -> State {
    State::Stuck { way, reason: reason(), steps: 0..3 }
}

fn all_states() -> [State; 8] {
    [
        State::Pending,
        State::Confirmed,
        undoing(Way::Rejecting, 0..2),
        undoing(Way::Cancelling, 0..3),
        undoing(Way::Cancelling, 2..3),
        State::Rejected(reason()),
        State::Cancelled(reason()),
        stuck(Way::Rejecting),
    ]
}

fn back(steps: Range<usize>) -> State {
    let reason = Reason::new(Reason::CANCELLED_BY_CUSTOMER);
    State::Undoing { way: Way::Cancelling, reason, steps }
}

#[test]
fn only_a_pending_order_is_confirmed_or_refused() {
    for state in all_states() {
        let pending = state == State::Pending;
        assert_eq!(state.confirm().is_some(), pending, "{state:?}");
        assert_eq!(state.refuse(reason(), 0..1).is_some(), pending, "{state:?}");
    }
    assert_eq!(State::Pending.refuse(reason(), 0..1), Some(undoing(Way::Rejecting, 0..1)));
}

#[test]
fn a_cancellation_undoes_all_steps_or_only_the_shipment_of_a_confirmed_order() {
    let answers = all_states().map(|state| state.cancel());
    let expected = [
        Ok(Some(back(0..STEPS))),
        Ok(Some(back(2..3))),
        Err(CancelRefused::Rejected),
        Ok(None),
        Ok(None),
        Err(CancelRefused::Rejected),
        Ok(None),
        Err(CancelRefused::Stuck),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn undoing_settles_where_it_leads() {
    let settled = all_states().map(|state| state.settle());
    let cancelled = || Some(State::Cancelled(reason()));
    let expected = [None, None, Some(State::Rejected(reason())), cancelled(), cancelled(), None, None, None];
    assert_eq!(settled, expected);
}

#[test]
fn only_a_confirmed_order_whose_parcel_departed_is_confirmed_again() {
    let departed = Some(Reason::SHIPMENT_DEPARTED);
    let after = all_states().map(|state| state.undo_refused(departed));
    let stuck = |way, steps| Some(State::Stuck { way, reason: reason(), steps });
    let expected = [
        None,
        None,
        stuck(Way::Rejecting, 0..2),
        stuck(Way::Cancelling, 0..3),
        Some(State::Confirmed),
        None,
        None,
        None,
    ];
    assert_eq!(after, expected);
    let unknown = undoing(Way::Cancelling, 2..3).undo_refused(None);
    assert_eq!(unknown, stuck(Way::Cancelling, 2..3));
}

#[test]
fn a_stuck_order_resumes_where_it_stood_and_no_other_does() {
    for state in all_states() {
        let was_stuck = matches!(state, State::Stuck { .. });
        assert_eq!(state.resume(), was_stuck.then(|| undoing(Way::Rejecting, 0..3)), "{state:?}");
    }
}

#[test]
fn final_states_are_confirmed_rejected_and_cancelled() {
    let finals = all_states().map(|state| state.is_final());
    assert_eq!(finals, [false, true, false, false, false, true, true, false]);
}

#[test]
fn a_card_is_never_shown() {
    let card = CardToken::new("tok_visa".into()).unwrap();
    assert_eq!(format!("{card:?}"), "CardToken(hidden)");
    assert_eq!(CardToken::new(String::new()), None);
    assert_eq!(CardToken::new("x".repeat(129)), None);
    assert_eq!(CardToken::new("tok visa".into()), None);
    assert_eq!(CardToken::new("카드".into()), None);
}

fn money(minor_units: i64, currency: &str) -> Money {
    Money::new(minor_units, currency.parse().unwrap()).unwrap()
}

fn offer(price: Money) -> Offer {
    Offer { price, weight: Grams::try_from(100).unwrap() }
}

fn cart(quantities: &[i64]) -> Vec<(ProductId, Quantity)> {
    let line = |(n, quantity): (usize, &i64)| {
        (format!("product-{n}").parse().unwrap(), Quantity::try_from(*quantity).unwrap())
    };
    quantities.iter().enumerate().map(line).collect()
}

fn priced(cart: &Cart, offers: &[Offer]) -> Result<Priced, CartError> {
    Priced::new(cart, offers)
}

#[test]
fn currencies_do_not_mix() {
    let offers = [offer(money(1, "USD")), offer(money(1, "KRW"))];
    assert_eq!(priced(&cart(&[1, 1]), &offers), Err(CartError::MixedCurrencies));
    let goods = priced(&cart(&[1]), &offers[..1]).unwrap();
    assert_eq!(goods.total(money(1, "KRW")), Err(CartError::MixedCurrencies));
}

#[test]
fn a_total_that_does_not_fit_is_refused() {
    let offers = [offer(money(i64::MAX / 2, "USD")), offer(money(i64::MAX / 2, "USD"))];
    assert_eq!(priced(&cart(&[2, 1]), &offers), Err(CartError::TotalTooLarge));
    let goods = priced(&cart(&[1, 1]), &offers).unwrap();
    assert_eq!(goods.total(money(2, "USD")), Err(CartError::TotalTooLarge));
}

proptest! {
    #[test]
    fn the_total_is_the_sum_of_its_parts(lines in proptest::collection::vec((1..1_000_i64, 0..100_000_i64), 1..20), shipping in 0..10_000_i64) {
        let (quantities, prices): (Vec<i64>, Vec<i64>) = lines.iter().copied().unzip();
        let offers: Vec<Offer> = prices.iter().map(|price| offer(money(*price, "USD"))).collect();
        let goods = priced(&cart(&quantities), &offers).unwrap();
        let sum: i64 = lines.iter().map(|(quantity, price)| quantity * price).sum();
        prop_assert_eq!(goods.total(money(shipping, "USD")), Ok(Money::new(sum + shipping, Currency::USD).unwrap()));
        prop_assert_eq!(goods.weight_grams, quantities.iter().sum::<i64>() * 100);
    }
}
