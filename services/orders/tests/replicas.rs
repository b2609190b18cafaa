//! Two replicas on one database: one guarded update decides an order, and no move is lost.
#![cfg(test)]

use jiff::Timestamp;
use madang_db::testing::OnPostgres;
use madang_db::{Db, Error, Kind, Tx};
use madang_orders::domain::{CardToken, Order, Reason, SHIPMENT, STEPS, State, Way};
use madang_orders::migrations;
use madang_orders::store::replicas::{self, Beat};
use madang_orders::store::{self, Guarded, Owned};
use madang_types::{Address, Money, OrderId};
use tokio::task::JoinSet;
use uuid::Uuid;

const ORDERS: u128 = 40;
const ONE: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn id(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

async fn two(database: &OnPostgres) -> [Db; 2] {
    let replicas = [database.open(migrations()).await, database.open(migrations()).await];
    for n in 1..=ORDERS {
        let order = pending(n);
        replicas[0].write(Kind::OrderPath, move |tx| store::insert(tx, &order, ONE)).await.unwrap();
    }
    replicas
}

fn pending(n: u128) -> Order {
    let usd = Money::new(1_000, "USD".parse().unwrap()).unwrap();
    Order {
        id: id(n),
        customer: "mina".parse().unwrap(),
        lines: Vec::new(),
        shipping_price: usd,
        total: usd,
        weight_grams: 100,
        address: Address::new("KR", "04524".into(), "Mina".into(), vec!["1 Bukchon-ro".into()]).unwrap(),
        card: CardToken::new("tok_visa".into()),
        state: State::Pending,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
        version: 1,
        traceparent: String::new(),
    }
}

async fn order(db: &Db, n: u128) -> Owned {
    db.read(move |tx| store::order(tx, id(n))).await.unwrap().unwrap()
}

/// What a driver does: it moves the order as it knew it, or learns that it was overtaken.
async fn drive(db: Db, n: u128, state: State) -> Guarded {
    let next = pending(n).moved(state, Timestamp::UNIX_EPOCH);
    db.write(Kind::OrderPath, move |tx| store::update(tx, &next)).await.unwrap()
}

/// What CancelOrder does: it reads the order and moves it, again if it was overtaken. Tells whether it moved it.
async fn cancel(db: Db, n: u128) -> bool {
    let work = move |tx: &mut Tx<'_>| -> Result<bool, Error> {
        let order = store::order(tx, id(n))?.unwrap().order;
        let Ok(Some(state)) = order.state.cancel() else { return Ok(false) };
        store::update_again(tx, &order.moved(state, Timestamp::UNIX_EPOCH)).map(|()| true)
    };
    db.write(Kind::Request, work).await.unwrap()
}

fn refused() -> State {
    State::Undoing { way: Way::Rejecting, reason: Reason::new("OUT_OF_STOCK"), steps: 0..1 }
}

#[tokio::test]
async fn a_confirmation_and_a_cancellation_that_meet_agree_on_who_was_first() {
    let test = "a_confirmation_and_a_cancellation_that_meet_agree_on_who_was_first";
    let Some(database) = OnPostgres::create(test) else { return };
    let replicas = two(&database).await;
    let mut confirmed_first = 0;
    for n in 1..=ORDERS {
        let [one, other] = replicas.clone();
        let (confirmation, cancelled) = tokio::join!(drive(one, n, State::Confirmed), cancel(other, n));
        assert!(cancelled);
        let Order { state, version, .. } = order(&replicas[0], n).await.order;
        let State::Undoing { way: Way::Cancelling, steps, .. } = state else { panic!("{state:?}") };
        match confirmation {
            // Past the pivot the parcel alone is undone here; the others hear of it.
            Guarded::Held => assert_eq!((steps, version), (SHIPMENT..STEPS, 3)),
            Guarded::Lost => assert_eq!((steps, version), (0..STEPS, 2)),
        }
        confirmed_first += u32::from(confirmation == Guarded::Held);
    }
    println!("{confirmed_first} of {ORDERS} were confirmed before they were cancelled");
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}

#[tokio::test]
async fn of_many_who_decide_an_order_one_does_and_no_move_is_lost() {
    let Some(database) = OnPostgres::create("of_many_who_decide_an_order_one_does_and_no_move_is_lost")
    else {
        return;
    };
    let replicas = two(&database).await;
    let mut moves = JoinSet::new();
    for n in 1..=ORDERS {
        for db in replicas.clone() {
            let (again, third) = (db.clone(), db.clone());
            moves.spawn(async move { (n, u64::from(drive(db, n, State::Confirmed).await == Guarded::Held)) });
            moves.spawn(async move { (n, u64::from(drive(again, n, refused()).await == Guarded::Held)) });
            moves.spawn(async move { (n, u64::from(cancel(third, n).await)) });
        }
    }
    let mut counts = std::collections::BTreeMap::<u128, u64>::new();
    for (n, moved) in moves.join_all().await {
        *counts.entry(n).or_default() += moved;
    }
    for (n, moved) in counts {
        let Order { state, version, .. } = order(&replicas[1], n).await.order;
        assert_eq!(version.unsigned_abs(), 1 + moved, "each move is one version: {state:?}");
        assert!((1..=2).contains(&moved), "decided once, and a confirmed one cancelled: {state:?}");
    }
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}

#[tokio::test]
async fn a_takeover_that_meets_its_drivers_moves_leaves_each_order_moved_or_taken() {
    let test = "a_takeover_that_meets_its_drivers_moves_leaves_each_order_moved_or_taken";
    let Some(database) = OnPostgres::create(test) else { return };
    let replicas = two(&database).await;
    let [one, other] = &replicas;
    one.write(Kind::Lease, |tx| replicas::beat(tx, ONE)).await.unwrap();
    let from = Beat { replica: ONE, beats: Some(1) };
    let mut moves = JoinSet::new();
    for n in 1..=ORDERS {
        let one = one.clone();
        moves.spawn(async move { (n, drive(one, n, State::Confirmed).await) });
    }
    let takeovers = (0..3).map(|_| other.write(Kind::Lease, move |tx| replicas::take_over(tx, OTHER, from)));
    let (moves, taken) = tokio::join!(moves.join_all(), futures::future::join_all(takeovers));
    let taken: u64 = taken.into_iter().map(Result::<_, Error>::unwrap).sum();
    let mut lost = 0;
    for (n, moved) in moves {
        let Owned { order, owner } = order(other, n).await;
        match moved {
            Guarded::Held => assert_eq!((order.state, owner, order.version), (State::Confirmed, ONE, 2)),
            Guarded::Lost => assert_eq!((order.state, owner, order.version), (State::Pending, OTHER, 2)),
        }
        lost += u64::from(moved == Guarded::Lost);
    }
    assert_eq!(taken, lost, "taken over once");
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}
