//! What the store promises, on a real database.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::Fresh;
use madang_db::{Db, Error, Kind, Tx, params};
use madang_orders::domain::{CardToken, Line, Order, Reason, State, Way};
use madang_orders::migrations;
use madang_orders::store::replicas::{self, Beat};
use madang_orders::store::sagas::{self, Filter, Place};
use madang_orders::store::{self, Guarded, Owned};
use madang_types::{Address, Money, OrderId};
use uuid::Uuid;

const OWNER: Uuid = Uuid::from_u128(7);
const OTHER: Uuid = Uuid::from_u128(8);

async fn database() -> (Fresh, Db) {
    let fresh = Fresh::new();
    let db = fresh.open(migrations()).await;
    (fresh, db)
}

async fn write<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    db.write(Kind::Request, work).await
}

async fn read<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    db.read(work).await.unwrap()
}

fn id(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn krw(units: i64) -> Money {
    Money::new(units, "KRW".parse().unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn order(n: u128, customer: &str) -> Order {
    let line = |product: &str, pieces: i64, price| Line {
        product: product.parse().unwrap(),
        quantity: pieces.try_into().unwrap(),
        unit_price: krw(price),
    };
    let lines = vec!["서울 중구 세종대로 110".to_owned(), "\"3rd\" floor".to_owned()];
    Order {
        id: id(n),
        customer: customer.parse().unwrap(),
        lines: vec![line("tea-cup", 2, 9_000), line("moon-jar", 1, i64::MAX / 2)],
        shipping_price: krw(3_000),
        total: krw(i64::MAX),
        weight_grams: 1_250,
        address: Address::new("KR", "04524".into(), "미나".into(), lines).unwrap(),
        card: CardToken::new("tok_visa".into()),
        state: State::Pending,
        created: at(10),
        updated: at(10),
        version: 1,
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
    }
}

async fn inserted(db: &Db, order: &Order, owner: Uuid) -> Result<(), Error> {
    let order = order.clone();
    write(db, move |tx| store::insert(tx, &order, owner)).await
}

async fn moved(db: &Db, order: &Order) -> Guarded {
    let order = order.clone();
    write(db, move |tx| store::update(tx, &order)).await.unwrap()
}

async fn found(db: &Db, n: u128) -> Option<Owned> {
    read(db, move |tx| store::order(tx, id(n))).await
}

fn undoing(way: Way) -> State {
    State::Undoing { way, reason: Reason::new("OUT_OF_STOCK"), steps: 0..2 }
}

#[tokio::test]
async fn every_state_comes_back_as_it_was_written() {
    let (fresh, db) = database().await;
    let reason = || Reason::new("CARD_DECLINED");
    let states = [
        State::Confirmed,
        undoing(Way::Rejecting),
        undoing(Way::Cancelling),
        State::Rejected(reason()),
        State::Cancelled(reason()),
        State::Stuck { way: Way::Cancelling, reason: reason(), steps: 2..3 },
    ];
    for (n, state) in (1..).zip(states) {
        let pending = order(n, "mina");
        inserted(&db, &pending, OWNER).await.unwrap();
        let Owned { order, owner } = found(&db, n).await.unwrap();
        assert_eq!((order, owner), (pending.clone(), OWNER));
        let next = pending.moved(state, at(20));
        assert_eq!(moved(&db, &next).await, Guarded::Held);
        assert_eq!(found(&db, n).await.unwrap().order, next);
        assert_eq!(next.card.is_none(), next.state.is_final(), "a final order forgets the card");
    }
    assert_eq!(read(&db, store::stuck).await, 1);
    drop(db);
    let db = fresh.open(migrations()).await;
    assert_eq!(found(&db, 1).await.unwrap().order.state, State::Confirmed);
    assert!(found(&db, 99).await.is_none());
}

#[tokio::test]
async fn a_second_insert_is_a_conflict() {
    let (_fresh, db) = database().await;
    inserted(&db, &order(1, "mina"), OWNER).await.unwrap();
    let second = inserted(&db, &order(1, "jun"), OWNER).await;
    assert!(matches!(second, Err(Error::Conflict)), "{second:?}");
}

#[tokio::test]
async fn a_move_from_an_old_version_changes_nothing() {
    let (_fresh, db) = database().await;
    let pending = order(1, "mina");
    inserted(&db, &pending, OWNER).await.unwrap();
    let confirmed = pending.moved(State::Confirmed, at(20));
    assert_eq!(moved(&db, &confirmed).await, Guarded::Held);
    let late = pending.moved(undoing(Way::Rejecting), at(30));
    assert_eq!(moved(&db, &late).await, Guarded::Lost);
    let again = write(&db, move |tx| store::update_again(tx, &late)).await;
    assert!(matches!(again, Err(Error::Conflict)), "{again:?}");
    assert_eq!(found(&db, 1).await.unwrap().order, confirmed);
}

#[tokio::test]
async fn a_customers_orders_are_listed_newest_first_and_all_orders_by_id() {
    let (_fresh, db) = database().await;
    for (n, customer) in [(3, "mina"), (1, "mina"), (u128::MAX >> 1, "mina"), (2, "jun")] {
        inserted(&db, &order(n, customer), OWNER).await.unwrap();
    }
    let of = async |after: Option<u128>, limit| {
        let listed =
            move |tx: &mut Tx<'_>| store::of_customer(tx, &"mina".parse().unwrap(), after.map(id), limit);
        read(&db, listed).await.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    assert_eq!(of(None, 2).await, [id(u128::MAX >> 1), id(3)]);
    assert_eq!(of(Some(3), 2).await, [id(1)]);
    let all = async |after: Option<u128>| {
        let listed = read(&db, move |tx| store::all(tx, after.map(id), 3)).await;
        listed.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    assert_eq!(all(None).await, [id(1), id(2), id(3)]);
    assert_eq!(all(Some(3)).await, [id(u128::MAX >> 1)]);
}

#[tokio::test]
async fn open_orders_are_those_of_their_driver_until_they_are_taken_over() {
    let (_fresh, db) = database().await;
    for (n, owner) in [(1, OWNER), (2, OTHER), (3, OWNER), (4, OWNER)] {
        inserted(&db, &order(n, "mina"), owner).await.unwrap();
    }
    moved(&db, &order(4, "mina").moved(State::Confirmed, at(20))).await;
    let open = async |owner| read(&db, move |tx| store::open(tx, owner, 10)).await.ids;
    let oldest = read(&db, |tx| store::open(tx, OWNER, 10)).await.oldest;
    assert_eq!(oldest, Some(order(1, "mina").updated));
    assert_eq!(read(&db, |tx| store::open(tx, Uuid::from_u128(99), 10)).await, store::Open::default());
    assert_eq!((open(OWNER).await, open(OTHER).await), (vec![id(1), id(3)], vec![id(2)]));

    assert_eq!(write(&db, |tx| store::take_over_all(tx, OTHER)).await.unwrap(), 2);
    assert_eq!((open(OWNER).await, open(OTHER).await), (vec![], vec![id(1), id(2), id(3)]));
    let versions = read(&db, |tx| store::versions(tx, &[id(1), id(2), id(9), id(4)])).await;
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_unstable();
    assert_eq!(versions, [(id(1), 2), (id(2), 1), (id(4), 2)], "who drove it loses its next move");
    let lost = order(1, "mina").moved(State::Confirmed, at(30));
    assert_eq!(moved(&db, &lost).await, Guarded::Lost);

    write(&db, |tx| store::take_over(tx, id(2), OWNER)).await.unwrap();
    assert_eq!(open(OWNER).await, [id(2)]);
    let missing = write(&db, |tx| store::take_over(tx, id(99), OWNER)).await;
    assert!(matches!(missing, Err(Error::Conflict)), "{missing:?}");
}

#[tokio::test]
async fn sagas_are_paged_the_stuck_ones_first_and_then_by_driver_and_only_in_the_states_asked_for() {
    let (_fresh, db) = database().await;
    let stuck = || State::Stuck { way: Way::Rejecting, reason: Reason::new("WHY"), steps: 0..1 };
    let moves = [
        (OTHER, None),
        (OWNER, None),
        (OWNER, Some(undoing(Way::Cancelling))),
        (OWNER, Some(stuck())),
        (OTHER, Some(stuck())),
        (OTHER, Some(undoing(Way::Rejecting))),
        (OWNER, Some(State::Confirmed)),
    ];
    for (n, (owner, state)) in (1..).zip(moves) {
        inserted(&db, &order(n, "mina"), owner).await.unwrap();
        if let Some(state) = state {
            moved(&db, &order(n, "mina").moved(state, at(20))).await;
        }
    }
    let listed = async |filter: Filter| {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = read(&db, move |tx| sagas::page(tx, filter, after, 2)).await;
            let Some(Owned { order, owner }) = page.last() else { return listed };
            after = Some(Place::of(&order.state, *owner, order.id));
            listed.extend(page.iter().map(|owned| owned.order.id.uuid().as_u128()));
        }
    };
    let all = Filter { pending: true, cancelling: true, rejecting: true, stuck: true };
    assert_eq!(listed(all).await, [4, 5, 2, 3, 1, 6]);
    assert_eq!(listed(Filter { stuck: false, pending: false, ..all }).await, [3, 6]);
    assert_eq!(listed(Filter { cancelling: false, rejecting: false, ..all }).await, [4, 5, 2, 1]);
}

#[tokio::test]
async fn versions_of_more_orders_than_one_query_asks_for_are_all_there() {
    let (_fresh, db) = database().await;
    let ids: Vec<_> = (1..=2 * store::MANY as u128 + 3).map(id).collect();
    for n in 1..=ids.len() as u128 {
        inserted(&db, &order(n, "mina"), OWNER).await.unwrap();
    }
    let asked = ids.clone();
    let mut found = read(&db, move |tx| store::versions(tx, &asked)).await;
    found.sort_unstable();
    assert!(found.into_iter().eq(ids.into_iter().map(|id| (id, 1))));
}

#[tokio::test]
async fn a_replica_that_stands_still_is_taken_over_and_one_that_beats_is_not() {
    let (_fresh, db) = database().await;
    inserted(&db, &order(1, "mina"), OTHER).await.unwrap();
    let others = async || read(&db, |tx| replicas::others(tx, OWNER)).await;
    let no_row = Beat { replica: OTHER, beats: None };
    assert_eq!(others().await, [no_row], "it drives an order and has no row");
    for _ in 0..2 {
        write(&db, |tx| replicas::beat(tx, OTHER)).await.unwrap();
        write(&db, |tx| replicas::beat(tx, OWNER)).await.unwrap();
    }
    let beat = Beat { replica: OTHER, beats: Some(2) };
    assert_eq!(others().await, [beat]);

    let take = async |from| write(&db, move |tx| replicas::take_over(tx, OWNER, from)).await.unwrap();
    assert_eq!(take(no_row).await, 0, "it has come back");
    assert_eq!(take(Beat { beats: Some(1), ..beat }).await, 0, "it has beaten since");
    assert_eq!(take(beat).await, 1);
    assert_eq!(found(&db, 1).await.unwrap().owner, OWNER);
    assert_eq!(others().await, []);

    write(&db, |tx| replicas::beat(tx, OTHER)).await.unwrap();
    write(&db, |tx| replicas::leave(tx, OTHER)).await.unwrap();
    assert!(others().await[0].has_left());
}

#[tokio::test]
async fn a_row_that_is_no_order_is_an_error_and_no_guess() {
    let (_fresh, db) = database().await;
    for (n, sql) in (1..).zip([
        "UPDATE orders SET currency = 'won' WHERE order_id = $1",
        "UPDATE orders SET customer_id = 'a b' WHERE order_id = $1",
        "UPDATE orders SET lines = '[[1]]' WHERE order_id = $1",
        "UPDATE orders SET address = '{}' WHERE order_id = $1",
        "UPDATE orders SET total = -1 WHERE order_id = $1",
        "UPDATE orders SET state = 'REJECTED' WHERE order_id = $1",
        "UPDATE orders SET state = 'CANCELLING', reason = 'WHY' WHERE order_id = $1",
        "UPDATE orders SET owner = order_id || owner WHERE order_id = $1",
    ]) {
        inserted(&db, &order(n, "mina"), OWNER).await.unwrap();
        write(&db, move |tx| tx.execute_one(sql, &params![id(n).uuid()])).await.unwrap();
        let read = db.read(move |tx| store::order(tx, id(n))).await.map(drop);
        assert!(matches!(read, Err(Error::Row { .. })), "{sql}: {read:?}");
    }
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(madang_db::testing::slow_to_write(migrations()).is_empty());
}
