//! Stock is conserved over random histories, and every arc of a reservation is walked.

use std::collections::HashMap;

use jiff::Timestamp;
use madang_types::{OrderId, ProductId, Quantity};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Change, Lines, Moves, Reservation, State, Stock, StockError};

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn cup() -> ProductId {
    "tea-cup".parse().unwrap()
}

fn pieces(n: i64) -> Quantity {
    n.try_into().unwrap()
}

fn lines(n: i64) -> Lines {
    Lines::new(vec![(cup(), pieces(n))])
}

fn all_states() -> [State; 5] {
    [
        State::Reserved { lines: lines(2), expires: None },
        State::Sold { lines: lines(2) },
        State::Released { lines: Some(lines(2)) },
        State::Released { lines: None },
        State::Refused { lines: lines(2), short: vec![cup()] },
    ]
}

fn reservation(state: State) -> Reservation {
    Reservation { order: order(1), state }
}

#[test]
fn release_gives_back_what_is_reserved_and_nothing_else() {
    let moved =
        all_states().map(|state| reservation(state).release().map(|(_, moves, change)| (moves, change)));
    let nothing = || Some((Moves::Nothing, Change::AlreadyApplied));
    let expected = [Some((Moves::Release(lines(2)), Change::Applied)), None, nothing(), nothing(), nothing()];
    assert_eq!(moved, expected);
}

#[test]
fn only_a_reservation_is_sold() {
    let moved = all_states().map(|state| reservation(state).sell().map(|sold| sold.1));
    let nothing = || Some(Moves::Nothing);
    let expected = [Some(Moves::Sell(lines(2))), nothing(), nothing(), nothing(), None];
    assert_eq!(moved, expected);
}

#[test]
fn a_cancel_takes_back_what_was_reserved_or_sold() {
    let moved = all_states().map(|state| reservation(state).cancel().1);
    let expected =
        [Moves::Release(lines(2)), Moves::TakeBack(lines(2)), Moves::Nothing, Moves::Nothing, Moves::Nothing];
    assert_eq!(moved, expected);
}

#[test]
fn lines_are_sorted_so_that_rows_are_locked_in_one_order() {
    let a: ProductId = "a-jar".parse().unwrap();
    let sorted = Lines::new(vec![(cup(), pieces(1)), (a.clone(), pieces(2))]);
    assert_eq!(sorted.as_slice(), [(a, pieces(2)), (cup(), pieces(1))]);
}

#[test]
fn no_product_receives_more_than_its_limit() {
    let mut stock = Stock::restore(cup(), [Stock::MAX_RECEIVED - 1, 0, 0]).unwrap();
    assert_eq!(stock.receive(pieces(1)), Ok(()));
    assert_eq!(stock.receive(pieces(1)), Err(StockError::TooMany));
}

#[test]
fn more_than_there_is_cannot_be_reserved() {
    let mut stock = Stock::restore(cup(), [2, 0, 0]).unwrap();
    assert_eq!(stock.reserve(pieces(3)), Err(StockError::Short { there: 2, wanted: 3 }));
    assert_eq!(stock, Stock::restore(cup(), [2, 0, 0]).unwrap());
}

#[test]
fn a_stored_number_below_zero_is_refused() {
    assert_eq!(Stock::restore(cup(), [1, -1, 0]), None);
}

#[derive(Debug, Clone)]
enum Action {
    Receive(i64),
    Reserve(u128, i64),
    Release(u128),
    Sell(u128),
    Cancel(u128),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let id = 0..6_u128;
    let action = prop_oneof![
        (1..50_i64).prop_map(Action::Receive),
        (id.clone(), 1..20_i64).prop_map(|(id, n)| Action::Reserve(id, n)),
        id.clone().prop_map(Action::Release),
        id.clone().prop_map(Action::Sell),
        id.prop_map(Action::Cancel),
    ];
    proptest::collection::vec(action, 0..80)
}

#[derive(Default)]
struct Shop {
    received: i64,
    reservations: HashMap<u128, Reservation>,
}

impl Shop {
    fn run(&mut self, stock: &mut Stock, action: Action) {
        match action {
            Action::Receive(n) => {
                stock.receive(pieces(n)).unwrap();
                self.received += n;
            }
            Action::Reserve(id, n) if !self.reservations.contains_key(&id) => {
                if stock.reserve(pieces(n)).is_ok() {
                    let state = State::Reserved { lines: lines(n), expires: None };
                    self.reservations.insert(id, Reservation { order: order(id), state });
                }
            }
            Action::Reserve(..) => {}
            Action::Release(id) => self.change(stock, id, |r| {
                r.clone().release().unwrap_or((r, Moves::Nothing, Change::AlreadyApplied))
            }),
            Action::Sell(id) => self.change(stock, id, |r| r.sell().unwrap()),
            Action::Cancel(id) => self.change(stock, id, Reservation::cancel),
        }
    }

    fn change(
        &mut self,
        stock: &mut Stock,
        id: u128,
        to: impl Fn(Reservation) -> (Reservation, Moves, Change),
    ) {
        let known = self.reservations.remove(&id).unwrap_or_else(|| Reservation::tombstone(order(id)));
        let (next, moves, _) = to(known);
        self.reservations.insert(id, next);
        for (_, quantity) in moves.lines() {
            moves.apply(stock, *quantity).unwrap();
        }
    }

    fn pieces(&self, of: impl Fn(&State) -> Option<&Lines>) -> i64 {
        let lines = self.reservations.values().filter_map(|r| of(&r.state));
        lines.flat_map(|lines| lines.as_slice()).map(|(_, quantity)| quantity.get()).sum()
    }
}

proptest! {
    #[test]
    fn stock_is_conserved_over_any_history(actions in actions()) {
        let mut stock = Stock::empty(cup());
        let mut shop = Shop::default();
        for action in actions {
            shop.run(&mut stock, action);
            prop_assert_eq!(stock.received(), shop.received);
            let reserved = shop.pieces(|s| if let State::Reserved { lines, .. } = s { Some(lines) } else { None });
            let sold = shop.pieces(|s| if let State::Sold { lines } = s { Some(lines) } else { None });
            prop_assert_eq!((stock.reserved(), stock.sold()), (reserved, sold));
            prop_assert!(stock.available() >= 0);
        }
    }

    #[test]
    fn a_second_release_sell_or_cancel_moves_nothing(n in 1..100_i64) {
        let reserved = reservation(State::Reserved { lines: lines(n), expires: Some(Timestamp::UNIX_EPOCH) });
        let (sold, ..) = reserved.clone().sell().unwrap();
        prop_assert_eq!(sold.clone().sell().unwrap().1, Moves::Nothing);
        let (cancelled, ..) = sold.cancel();
        prop_assert_eq!(cancelled.clone().cancel().1, Moves::Nothing);
        prop_assert_eq!(cancelled.release().unwrap().1, Moves::Nothing);
        let (released, ..) = reserved.release().unwrap();
        prop_assert_eq!(released.release().unwrap().1, Moves::Nothing);
    }
}
