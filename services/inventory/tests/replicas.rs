//! Two replicas on one database: steps, undos and events of the same orders and products, all at once.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use madang_chassis::Platform;
use madang_db::testing::OnPostgres;
use madang_db::{Db, Kind, Tx};
use madang_inventory::app::{self, App, Error, Reserve, Restock};
use madang_inventory::domain::{Change, Lines, State};
use madang_inventory::{SERVICE, store};
use madang_types::{OrderId, ProductId, Quantity, RequestId};
use tokio::task::JoinSet;
use uuid::Uuid;

const PRODUCTS: [&str; 4] = ["celadon-tea-cup", "moon-jar", "bronze-bell", "pine-soap"];
const RECEIVED: i64 = 60;

/// What answers a step or an undo.
type Answer = Result<State, Error>;

#[derive(Clone)]
struct Replica {
    db: Db,
    app: App,
}

impl Replica {
    async fn start(database: &OnPostgres) -> Self {
        let db = database.open(vec![madang_events::migrations(), store::migrations()]).await;
        let app = App::new(db.clone(), &Platform::test(SERVICE));
        Self { db, app }
    }

    async fn reserve(self, n: u128) -> Answer {
        let command = Reserve { order: order(n), lines: lines(n), expires: None };
        self.app.reserve(command).await.map(|reservation| reservation.state)
    }

    async fn release(self, n: u128) -> Answer {
        self.app.release(order(n)).await.map(|reservation| reservation.state)
    }

    /// Applies what an event of orders says.
    async fn event(
        self,
        apply: fn(&mut Tx<'_>, OrderId) -> Result<Change, Error>,
        n: u128,
    ) -> Result<Change, Error> {
        self.db.write(Kind::Cursor, move |tx| apply(tx, order(n))).await
    }

    async fn state(&self, n: u128) -> State {
        let found = self
            .db
            .write::<_, madang_db::Error, _>(Kind::Request, move |tx| store::reservation(tx, order(n)));
        found.await.unwrap().unwrap().value.state
    }

    /// available, reserved and sold of each product.
    async fn numbers(&self) -> Vec<[i64; 3]> {
        let stocks = self.app.stocks(PRODUCTS.map(product).to_vec()).await.unwrap();
        stocks.iter().map(|stock| [stock.available(), stock.reserved(), stock.sold()]).collect()
    }
}

async fn replicas(database: &OnPostgres) -> [Replica; 2] {
    let replicas = [Replica::start(database).await, Replica::start(database).await];
    let stock = || PRODUCTS.map(|name| (product(name), pieces(RECEIVED))).to_vec();
    let (one, other) = tokio::join!(replicas[0].app.seed(stock()), replicas[1].app.seed(stock()));
    let changes = [one.unwrap(), other.unwrap()];
    assert!(changes.contains(&Change::Applied) && changes.contains(&Change::AlreadyApplied), "stocked once");
    replicas
}

fn order(n: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(n))
}

fn product(name: &str) -> ProductId {
    name.parse().unwrap()
}

fn pieces(n: i64) -> Quantity {
    n.try_into().unwrap()
}

/// One or two pieces of each of three products, named in many orders.
fn lines(n: u128) -> Lines {
    let at = usize::try_from(n).unwrap();
    let mut names = PRODUCTS;
    names.rotate_left(at % 4);
    if at % 8 >= 4 {
        names.reverse();
    }
    let quantity = i64::try_from(1 + n % 2).unwrap();
    Lines::new(names[..3].iter().map(|name| (product(name), pieces(quantity))).collect())
}

/// The pieces of a product in what orders hold in a state.
fn held<'a>(states: impl Iterator<Item = &'a Lines>, product: &ProductId) -> i64 {
    let lines = states.flat_map(Lines::as_slice).filter(|(held, _)| held == product);
    lines.map(|(_, pieces)| pieces.get()).sum()
}

/// No transaction was chosen as the victim of a deadlock.
fn no_deadlock(database: &OnPostgres, replicas: [Replica; 2]) {
    drop(replicas);
    assert_eq!(database.deadlocks(), 0);
}

#[tokio::test]
async fn stock_is_conserved_when_replicas_reserve_and_release_at_once() {
    let Some(database) = OnPostgres::create("stock_is_conserved_when_replicas_reserve_and_release_at_once")
    else {
        return;
    };
    let replicas = replicas(&database).await;
    let [one, other] = &replicas;
    let mut steps: JoinSet<Answer> = JoinSet::new();
    for n in 1..=60 {
        // A repeat on the other replica, and of every third order the undo, in whatever order they come.
        steps.spawn(one.clone().reserve(n));
        steps.spawn(other.clone().reserve(n));
        if n % 3 == 0 {
            steps.spawn(other.clone().release(n));
        }
    }
    for answer in steps.join_all().await {
        assert!(matches!(answer, Ok(_) | Err(Error::OutOfStock(_) | Error::StepUndone)), "{answer:?}");
    }
    let mut reserved = Vec::new();
    for n in 1..=60 {
        match one.state(n).await {
            State::Reserved { lines, .. } => reserved.push(lines),
            State::Released { .. } => assert_eq!(n % 3, 0),
            State::Refused { .. } | State::Sold { .. } => {}
        }
    }
    assert!(!reserved.is_empty());
    for (name, [available, set_aside, sold]) in PRODUCTS.iter().zip(one.numbers().await) {
        assert_eq!(set_aside, held(reserved.iter(), &product(name)), "{name}");
        assert_eq!((available + set_aside, sold), (RECEIVED, 0), "{name}");
    }
    no_deadlock(&database, replicas);
}

#[tokio::test]
async fn an_undo_and_its_step_that_meet_leave_nothing_reserved() {
    let Some(database) = OnPostgres::create("an_undo_and_its_step_that_meet_leave_nothing_reserved") else {
        return;
    };
    let replicas = replicas(&database).await;
    let [one, other] = &replicas;
    let mut undone_first = 0;
    for n in 1..=40 {
        let (step, undo) = tokio::join!(one.clone().reserve(n), other.clone().release(n));
        assert!(matches!(undo, Ok(State::Released { .. })), "{undo:?}");
        undone_first += u32::from(matches!(step, Err(Error::StepUndone)));
        assert!(matches!(step, Ok(State::Reserved { .. }) | Err(Error::StepUndone)), "{step:?}");
        assert!(matches!(one.state(n).await, State::Released { .. }));
    }
    assert_eq!(one.numbers().await, [[RECEIVED, 0, 0]; 4], "undone before its step: {undone_first} of 40");
    no_deadlock(&database, replicas);
}

#[tokio::test]
async fn a_sale_and_a_cancellation_that_meet_give_every_piece_back() {
    let Some(database) = OnPostgres::create("a_sale_and_a_cancellation_that_meet_give_every_piece_back")
    else {
        return;
    };
    let replicas = replicas(&database).await;
    let [one, other] = &replicas;
    let mut events = JoinSet::new();
    for n in 1..=20 {
        one.clone().reserve(n).await.unwrap();
    }
    for n in 1..=20 {
        events.spawn(one.clone().event(app::sell, n));
        events.spawn(other.clone().event(app::cancel, n));
    }
    for change in events.join_all().await {
        change.unwrap();
    }
    for n in 1..=20 {
        assert!(matches!(one.state(n).await, State::Released { lines: Some(_) }));
    }
    assert_eq!(one.numbers().await, [[RECEIVED, 0, 0]; 4]);
    no_deadlock(&database, replicas);
}

#[tokio::test]
async fn restocks_on_two_replicas_all_count_and_a_repeat_counts_once() {
    let Some(database) = OnPostgres::create("restocks_on_two_replicas_all_count_and_a_repeat_counts_once")
    else {
        return;
    };
    let replicas = replicas(&database).await;
    let mut restocks = JoinSet::new();
    // Every other one is of a product that nobody has stocked yet.
    for n in 0..40_u128 {
        for Replica { app, .. } in replicas.clone() {
            let product = product([PRODUCTS[0], "new-kite"][usize::try_from(n % 2).unwrap()]);
            let command = Restock { request: RequestId::new(Uuid::from_u128(n)), product, pieces: pieces(1) };
            restocks.spawn(async move { app.restock(command).await });
        }
    }
    for stock in restocks.join_all().await {
        stock.unwrap();
    }
    let received = async |name| replicas[0].app.stock(product(name)).await.unwrap().received();
    assert_eq!((received(PRODUCTS[0]).await, received("new-kite").await), (RECEIVED + 20, 20));
    no_deadlock(&database, replicas);
}
