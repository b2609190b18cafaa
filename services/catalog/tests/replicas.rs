//! Two replicas on one database that write the same products at once.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use madang_catalog::app::{App, Error, Upsert};
use madang_catalog::domain::{Entry, Localized, Product};
use madang_catalog::{SERVICE, shipped, store};
use madang_chassis::Platform;
use madang_db::Db;
use madang_db::testing::OnPostgres;
use madang_types::RequestId;
use tokio::task::JoinSet;
use uuid::Uuid;

/// So many writes come at once.
const WRITES: u128 = 60;

async fn replica(database: &OnPostgres) -> (Db, App) {
    let db = database.open(vec![madang_events::migrations(), store::migrations()]).await;
    let app = App::load(db.clone(), &Platform::test(SERVICE), shipped().unwrap()).await.unwrap();
    (db, app)
}

/// The n-th write: three products in turn, of which the last is new.
fn command(n: u128) -> Upsert {
    let product = shipped().unwrap().products.remove(usize::try_from(n % 2).unwrap());
    let id = if n % 3 == 2 { "new-kite".parse().unwrap() } else { product.id.clone() };
    let name = Localized { en: format!("Name {n}").parse().unwrap(), ko: product.name.ko.clone() };
    Upsert { request: RequestId::new(Uuid::from_u128(n)), product: Product { id, name, ..product } }
}

#[tokio::test]
async fn writes_of_two_replicas_all_count_and_both_see_the_last() {
    let Some(database) = OnPostgres::create("writes_of_two_replicas_all_count_and_both_see_the_last") else {
        return;
    };
    // Both find an empty database.
    let ((one_db, one), (other_db, other)) = tokio::join!(replica(&database), replica(&database));
    let shipped = i64::try_from(shipped().unwrap().products.len()).unwrap();
    one.refresh().await.unwrap();
    assert_eq!(one.catalogue().version(), shipped, "seeded once");

    let mut writes: JoinSet<Result<Entry, Error>> = JoinSet::new();
    for n in 0..WRITES {
        // A client that sends the same twice, to whichever replica.
        for app in [one.clone(), other.clone()] {
            writes.spawn(async move { app.upsert(command(n)).await });
        }
    }
    for written in writes.join_all().await {
        written.unwrap();
    }
    for app in [&one, &other] {
        app.refresh().await.unwrap();
        assert_eq!(app.catalogue().version(), shipped + i64::try_from(WRITES).unwrap(), "each counts once");
    }
    for n in 0..3 {
        let id = command(n).product.id;
        assert_eq!(one.product(id.clone()).unwrap(), other.product(id).unwrap());
    }
    drop((one, one_db, other, other_db));
    assert_eq!(database.deadlocks(), 0);
}
