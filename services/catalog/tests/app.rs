//! The catalogue in memory and its database: seeding, several replicas, a database that is away.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use std::sync::Arc;
use std::time::Duration;

use madang_catalog::app::{App, Error, Upsert};
use madang_catalog::domain::{Localized, Product};
use madang_catalog::{SERVICE, Shipped, follow, shipped, store};
use madang_chassis::Platform;
use madang_chassis::testing::TestClock;
use madang_db::testing::Fresh;
use madang_db::{Db, Kind, Tx};
use madang_types::RequestId;
use uuid::Uuid;

async fn database() -> (Fresh, Db) {
    let fresh = Fresh::new();
    let db = fresh.open(vec![madang_events::migrations(), store::migrations()]).await;
    (fresh, db)
}

async fn replica(db: &Db) -> App {
    App::load(db.clone(), &Platform::test(SERVICE), shipped().unwrap()).await.unwrap()
}

fn request(n: u128) -> RequestId {
    RequestId::new(Uuid::from_u128(n))
}

fn renamed(name: &str) -> Product {
    let product = shipped().unwrap().products.remove(0);
    Product { name: Localized { en: name.parse().unwrap(), ko: product.name.ko }, ..product }
}

fn name(app: &App) -> String {
    app.product(renamed("x").id).unwrap().product.name.en.to_string()
}

#[tokio::test]
async fn an_empty_database_is_seeded_and_one_that_holds_anything_is_not() {
    let (_fresh, db) = database().await;
    let shipped = shipped().unwrap();
    let few = Shipped { products: shipped.products[..3].to_vec(), categories: shipped.categories.clone() };
    let app = App::load(db.clone(), &Platform::test(SERVICE), few).await.unwrap();
    assert_eq!(app.catalogue().list(None, 1_000).len(), 3);
    app.upsert(Upsert { request: request(1), product: renamed("Renamed") }).await.unwrap();

    let again = replica(&db).await;
    assert_eq!(again.catalogue().list(None, 1_000).len(), 3);
    assert_eq!(name(&again), "Renamed");
}

#[tokio::test]
async fn what_was_seeded_is_in_memory_as_it_is_read() {
    let (_fresh, db) = database().await;
    let (seeded, read) = (replica(&db).await.catalogue(), replica(&db).await.catalogue());
    assert_eq!(seeded.version(), read.version());
    assert_eq!(seeded.list(None, 1_000), read.list(None, 1_000));
}

#[tokio::test]
async fn a_write_is_read_at_once_here_and_by_another_replica_at_its_next_look() {
    let (_fresh, db) = database().await;
    let (here, there) = (replica(&db).await, replica(&db).await);
    here.upsert(Upsert { request: request(1), product: renamed("Xylophone seeds") }).await.unwrap();
    assert_eq!(name(&here), "Xylophone seeds");
    assert_ne!(name(&there), "Xylophone seeds");

    assert_eq!(there.refresh().await.unwrap(), 1);
    assert_eq!(name(&there), "Xylophone seeds");
    let query = "xylophone".parse().unwrap();
    assert_eq!(there.catalogue().search(&query, None, 10).len(), 1);
    assert_eq!(there.refresh().await.unwrap(), 0, "nothing was written since");
}

#[tokio::test]
async fn a_replica_follows_by_itself_until_the_shutdown() {
    let (_fresh, db) = database().await;
    let (here, there) = (replica(&db).await, replica(&db).await);
    let platform = Platform::test(SERVICE);
    platform.tasks.spawn("following", follow(there.clone(), platform.clone()));
    let mut changes = there.changes();
    here.upsert(Upsert { request: request(1), product: renamed("Renamed") }).await.unwrap();
    changes.changed().await.unwrap();
    assert_eq!(name(&there), "Renamed");

    platform.shutdown.begin();
    assert!(platform.tasks.wait(Duration::from_secs(10)).await, "it ends with the shutdown");
}

#[tokio::test]
async fn reads_are_answered_while_the_database_is_away() {
    let (_fresh, db) = database().await;
    let app = replica(&db).await;
    let away = |tx: &mut Tx<'_>| tx.execute("ALTER TABLE products RENAME TO away", &[]);
    db.write::<_, madang_db::Error, _>(Kind::Request, away).await.unwrap();

    let write = app.upsert(Upsert { request: request(1), product: renamed("Renamed") }).await;
    assert!(matches!(write, Err(Error::Db(_))), "{write:?}");
    assert!(matches!(app.refresh().await, Err(Error::Db(_))));
    assert_ne!(name(&app), "Renamed");
    assert_eq!(app.catalogue().list(None, 1_000).len(), shipped().unwrap().products.len());
    assert!(!app.catalogue().search(&"jar".parse().unwrap(), None, 10).is_empty());

    let back = |tx: &mut Tx<'_>| tx.execute("ALTER TABLE away RENAME TO products", &[]);
    db.write::<_, madang_db::Error, _>(Kind::Request, back).await.unwrap();
    app.upsert(Upsert { request: request(1), product: renamed("Renamed") }).await.unwrap();
    assert_eq!(name(&app), "Renamed");
}

#[tokio::test]
async fn a_repeat_writes_nothing_and_answers_the_product_as_it_is_now() {
    let (_fresh, db) = database().await;
    let clock = TestClock::new();
    let platform = Platform { clock: Arc::new(clock.clone()), ..Platform::test(SERVICE) };
    let app = App::load(db, &platform, shipped().unwrap()).await.unwrap();
    let first = Upsert { request: request(1), product: renamed("First") };
    let second = Upsert { request: request(2), product: renamed("Second") };
    clock.advance(Duration::from_nanos(1_500));
    let written = app.upsert(first.clone()).await.unwrap();
    assert_eq!(written.updated.subsec_nanosecond(), 1_000, "as precise as it is kept");
    assert_eq!(app.upsert(first.clone()).await.unwrap(), written);

    clock.advance(Duration::from_secs(1));
    let newer = app.upsert(second).await.unwrap();
    assert!(newer.updated > written.updated);
    assert_eq!(app.upsert(first).await.unwrap(), newer, "the repeat does not bring the old name back");
    let reused = app.upsert(Upsert { request: request(1), product: renamed("Other") }).await;
    assert!(matches!(reused, Err(Error::Reused)), "{reused:?}");
    assert_eq!(name(&app), "Second");
}

#[tokio::test]
async fn writes_at_once_all_count_and_the_last_version_is_in_memory() {
    let (_fresh, db) = database().await;
    let app = replica(&db).await;
    let before = app.catalogue().version();
    let upserts = (1..=8_u128).map(|n| {
        let (app, product) = (app.clone(), renamed(&format!("Name {n}")));
        async move { app.upsert(Upsert { request: request(n), product }).await.unwrap() }
    });
    let written: Vec<_> = all_at_once(upserts).await;
    assert_eq!(app.catalogue().version(), before + 8);
    assert!(written.iter().any(|entry| entry.product.name.en.as_str() == name(&app)));
}

async fn all_at_once<T: Send + 'static>(
    futures: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let set: tokio::task::JoinSet<T> = futures.collect();
    set.join_all().await
}
