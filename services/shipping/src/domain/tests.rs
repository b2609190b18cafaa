//! Every arc of a shipment is walked, no history lets a cancelled parcel leave, and prices never fall with the weight.

use jiff::{SignedDuration, Timestamp};
use madang_types::{Address, Grams, OrderId, RegionCode};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Booking, Change, MAX_PARCEL_GRAMS, Parcel, Refusal, Shipment, State, Step, StepKind, TrackingNumber, Zone,
};

const HALF_MINUTE: SignedDuration = SignedDuration::from_secs(30);

fn grams(n: i64) -> Grams {
    n.try_into().unwrap()
}

fn region(code: &str) -> RegionCode {
    code.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn order() -> OrderId {
    OrderId::new(Uuid::from_u128(1))
}

fn booking(region: &str, weight: i64) -> Booking {
    let address = Address::new(region, "04524".into(), "Mina".into(), vec!["Seoul".into()]).unwrap();
    Booking { customer: "mina".parse().unwrap(), address, weight: grams(weight) }
}

fn arrange(region: &str, weight: i64) -> Shipment {
    Shipment::arrange(order(), booking(region, weight), TrackingNumber::new(Uuid::from_u128(7)), at(10))
}

fn parcel() -> Parcel {
    arrange("KR", 500).parcel().cloned().unwrap()
}

fn all_states() -> [State; 5] {
    [
        State::Arranged { parcel: parcel() },
        State::Departed { parcel: parcel(), at: at(20) },
        State::Cancelled { parcel: Some(parcel()), at: at(20) },
        State::Cancelled { parcel: None, at: at(20) },
        State::Refused { booking: booking("ZZ", 500), refusal: Refusal::RegionNotServed, at: at(20) },
    ]
}

fn from_all(change: impl Fn(Shipment) -> Option<(Shipment, Change)>) -> [Option<(State, Change)>; 5] {
    all_states()
        .map(|state| change(Shipment { order: order(), state }).map(|(next, change)| (next.state, change)))
}

#[test]
fn only_a_parcel_that_waits_is_cancelled_and_a_departed_one_refuses() {
    let [_, _, cancelled, tombstone, refused] = all_states();
    let undone = State::Cancelled { parcel: Some(parcel()), at: at(30) };
    let as_before = |state| Some((state, Change::AlreadyApplied));
    let expected = [
        Some((undone, Change::Applied)),
        None,
        as_before(cancelled),
        as_before(tombstone),
        as_before(refused),
    ];
    assert_eq!(from_all(|shipment| shipment.cancel(at(30))), expected);
}

#[test]
fn only_a_parcel_that_waits_departs_and_a_refused_one_never_can() {
    let [_, departed, cancelled, tombstone, _] = all_states();
    let gone = State::Departed { parcel: parcel(), at: at(30) };
    let as_before = |state| Some((state, Change::AlreadyApplied));
    let expected = [
        Some((gone, Change::Applied)),
        as_before(departed),
        as_before(cancelled),
        as_before(tombstone),
        None,
    ];
    assert_eq!(from_all(|shipment| shipment.depart(at(30))), expected);
}

#[test]
fn nothing_happens_to_a_parcel_before_it_was_booked() {
    let (departed, _) = arrange("KR", 1).depart(at(3)).unwrap();
    assert_eq!(
        departed.state,
        State::Departed { parcel: arrange("KR", 1).parcel().cloned().unwrap(), at: at(10) }
    );
    let (cancelled, _) = arrange("KR", 1).cancel(at(3)).unwrap();
    assert_eq!(cancelled.steps(HALF_MINUTE).last().map(|step| step.at), Some(at(10)));
}

#[test]
fn countries_have_their_zone() {
    let zone = |code| Zone::of(region(code), grams(1));
    assert_eq!(zone("KR"), Ok(Zone::Domestic));
    for code in "JP CN TW HK MO SG VN TH MY ID PH".split(' ') {
        assert_eq!(zone(code), Ok(Zone::Asia), "{code}");
    }
    for code in ["US", "CA", "GB", "DE", "FR", "AU", "NZ"] {
        assert_eq!(zone(code), Ok(Zone::World), "{code}");
    }
    for code in ["AQ", "KP", "ZZ"] {
        assert_eq!(zone(code), Err(Refusal::RegionNotServed), "{code}");
    }
}

#[test]
fn the_heaviest_parcel_goes_and_one_gram_more_does_not() {
    assert_eq!(Zone::of(region("KR"), grams(MAX_PARCEL_GRAMS)), Ok(Zone::Domestic));
    assert_eq!(Zone::of(region("KR"), grams(MAX_PARCEL_GRAMS + 1)), Err(Refusal::TooHeavy));
    assert_eq!(Zone::of(region("ZZ"), grams(MAX_PARCEL_GRAMS + 1)), Err(Refusal::RegionNotServed));
}

#[test]
fn each_started_500_g_costs() {
    let cents = |zone: Zone, weight| zone.price(grams(weight)).unwrap().minor_units();
    assert_eq!([1, 500, 501, 30_000].map(|weight| cents(Zone::Domestic, weight)), [3_00, 3_00, 3_50, 32_50]);
    assert_eq!([1, 500, 501, 30_000].map(|weight| cents(Zone::Asia, weight)), [11_00, 11_00, 14_00, 18_800]);
    assert_eq!([1, 500, 501, 30_000].map(|weight| cents(Zone::World, weight)), [17_50, 17_50, 23_00, 34_200]);
}

#[test]
fn a_tombstone_and_a_refusal_have_one_step_and_no_parcel() {
    let [.., tombstone, refused] = all_states();
    for state in [tombstone, refused] {
        let shipment = Shipment { order: order(), state };
        assert_eq!(shipment.steps(HALF_MINUTE), [Step { kind: StepKind::Cancelled, at: at(20) }]);
        assert_eq!(shipment.parcel(), None);
    }
}

#[test]
fn a_departed_parcel_takes_a_third_of_its_time_for_each_step() {
    let (departed, _) = arrange("KR", 1).depart(at(40)).unwrap();
    let told: Vec<_> = departed.steps(HALF_MINUTE).iter().map(|step| (step.kind, step.at)).collect();
    let expected = [
        (StepKind::Arranged, at(10)),
        (StepKind::Departed, at(40)),
        (StepKind::InTransit, at(50)),
        (StepKind::OutForDelivery, at(60)),
        (StepKind::Delivered, at(70)),
    ];
    assert_eq!(told, expected);
    let last = Step { kind: StepKind::Delivered, at: at(70) };
    assert!(last.is_last() && last.has_happened(at(70)) && !last.has_happened(at(69)));
}

#[test]
fn a_recorded_step_stands_even_where_the_clock_stepped_back() {
    for kind in [StepKind::Arranged, StepKind::Departed, StepKind::Cancelled] {
        assert!(Step { kind, at: at(50) }.has_happened(at(0)), "{kind:?}");
    }
}

#[test]
fn a_tracking_number_is_read_back_and_others_are_refused() {
    let number = TrackingNumber::new(Uuid::from_u128(63));
    assert_eq!(number.as_str(), "MD00000000001Z");
    assert_eq!(number.as_str().parse::<TrackingNumber>(), Ok(number));
    for bad in
        ["", "MD", "MD00000000000", "MD0000000000000", "XX000000000000", "MD00000000000I", "md000000000000"]
    {
        assert!(bad.parse::<TrackingNumber>().is_err(), "{bad}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Cancel(i64),
    Depart(i64),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![(0..100_i64).prop_map(Action::Cancel), (0..100_i64).prop_map(Action::Depart)];
    proptest::collection::vec(action, 0..20)
}

proptest! {
    #[test]
    fn a_parcel_ends_once_and_stays_so(actions in actions(), weight in 1..=30_000_i64) {
        let mut shipment = arrange("JP", weight);
        let mut ended: Option<State> = None;
        for action in actions {
            let next = match action {
                Action::Cancel(second) => shipment.clone().cancel(at(second)),
                Action::Depart(second) => shipment.clone().depart(at(second)),
            };
            if let Some(state) = &ended {
                prop_assert!(!matches!(&next, Some((_, Change::Applied))));
                prop_assert_eq!(state, &shipment.state);
            }
            if let Some((next, Change::Applied)) = next {
                ended = Some(next.state.clone());
                shipment = next;
            }
            let steps = shipment.steps(HALF_MINUTE);
            prop_assert!(steps.is_sorted_by_key(|step| step.at), "{steps:?}");
            prop_assert_eq!(ended.is_some(), steps.last().is_some_and(Step::is_last));
        }
    }

    #[test]
    fn steps_are_only_ever_added(now in 0..200_i64, later in 0..200_i64, transit in 0..100_i64) {
        let (departed, _) = arrange("US", 1).depart(at(20)).unwrap();
        let told = |now| {
            let mut steps = departed.steps(SignedDuration::from_secs(transit));
            steps.retain(|step| step.has_happened(at(now)));
            steps
        };
        prop_assert!(told(now + later).starts_with(&told(now)));
        prop_assert!(told(20 + transit).last().is_some_and(Step::is_last));
    }

    #[test]
    fn a_heavier_parcel_never_costs_less(light in 1..=30_000_i64, more in 0..=30_000_i64) {
        let heavy = (light + more).min(MAX_PARCEL_GRAMS);
        for zone in [Zone::Domestic, Zone::Asia, Zone::World] {
            let [light, heavy] = [light, heavy].map(|weight| zone.price(grams(weight)).unwrap().minor_units());
            prop_assert!(0 < light && light <= heavy);
        }
    }

    #[test]
    fn every_tracking_number_is_valid(id in any::<u128>()) {
        let number = TrackingNumber::new(Uuid::from_u128(id));
        prop_assert_eq!(number.as_str().parse::<TrackingNumber>(), Ok(number.clone()));
    }
}
