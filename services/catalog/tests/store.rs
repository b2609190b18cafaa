//! The contract of the store on a real database.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use jiff::Timestamp;
use madang_catalog::domain::{Entry, Price, Tags};
use madang_catalog::{shipped, store};
use madang_db::testing::Fresh;
use madang_db::{Db, Error, Kind, Tx};
use madang_types::Money;

async fn database() -> (Fresh, Db) {
    let fresh = Fresh::new();
    let db = fresh.open(vec![madang_events::migrations(), store::migrations()]).await;
    (fresh, db)
}

async fn write<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    db.write(Kind::Request, work).await
}

fn entries() -> Vec<Entry> {
    let updated = Timestamp::from_microsecond(1_767_225_600_123_456).unwrap();
    shipped().unwrap().products.into_iter().map(|product| Entry { product, updated }).collect()
}

#[tokio::test]
async fn every_product_comes_back_as_it_was_written() {
    let (_fresh, db) = database().await;
    let mut entries = entries();
    entries[0].product.price =
        Price::try_from(Money::new(i64::MAX, "KRW".parse().unwrap()).unwrap()).unwrap();
    entries[1].product.tags = Tags::try_from(vec!["\"quoted\", 항아리\\".parse().unwrap()]).unwrap();
    entries[2].product.tags = Tags::try_from(Vec::new()).unwrap();
    let read = write(&db, move |tx| {
        assert!(store::is_empty(tx)?);
        for entry in &entries {
            store::insert(tx, entry)?;
            let read = store::entry_to_change(tx, &entry.product.id)?.expect("it was written");
            assert_eq!(read.value, *entry);
        }
        assert!(!store::is_empty(tx)?);
        store::written_after(tx, 0, 1_000)
    });
    assert_eq!(read.await.unwrap().len(), shipped().unwrap().products.len());
}

#[tokio::test]
async fn an_unknown_product_is_none() {
    let (_fresh, db) = database().await;
    let read = write(&db, |tx| store::entry_to_change(tx, &"no-such".parse().unwrap())).await;
    assert!(read.unwrap().is_none());
}

#[tokio::test]
async fn a_second_insert_and_a_stale_update_are_conflicts() {
    let (_fresh, db) = database().await;
    let first = entries().remove(0);
    let (id, again) = (first.product.id.clone(), first.clone());
    write(&db, move |tx| store::insert(tx, &first)).await.unwrap();

    let second = write(&db, move |tx| store::insert(tx, &again)).await;
    assert!(matches!(second, Err(Error::Conflict)), "{second:?}");

    let found = write(&db, move |tx| store::entry_to_change(tx, &id)).await.unwrap().unwrap();
    let stale = found.clone();
    write(&db, move |tx| store::update(tx, &found)).await.unwrap();
    let second = write(&db, move |tx| store::update(tx, &stale)).await;
    assert!(matches!(second, Err(Error::Conflict)), "{second:?}");
}

#[tokio::test]
async fn what_was_written_after_a_version_is_read_in_the_order_of_writing() {
    let (_fresh, db) = database().await;
    let all = entries();
    let (first, second) = (all[0].clone(), all[1].clone());
    let ids = [second.product.id.clone(), first.product.id.clone()];
    write(&db, move |tx| {
        store::insert(tx, &first)?;
        store::insert(tx, &second)?;
        let found = store::entry_to_change(tx, &first.product.id)?.expect("it was written");
        store::update(tx, &found)
    })
    .await
    .unwrap();

    let after = |version, limit| {
        let db = db.clone();
        async move { db.read(move |tx: &mut Tx<'_>| store::written_after(tx, version, limit)).await.unwrap() }
    };
    let rows = after(0, 10).await;
    assert_eq!(rows.iter().map(|row| row.value.product.id.clone()).collect::<Vec<_>>(), ids);
    assert!(rows[0].version() < rows[1].version());
    assert_eq!(after(0, 1).await.len(), 1, "a limit is kept");
    assert_eq!(after(rows[0].version(), 10).await.len(), 1);
    assert!(after(rows[1].version(), 10).await.is_empty());
}

#[tokio::test]
async fn a_row_that_is_no_product_is_an_error_and_no_panic() {
    let (_fresh, db) = database().await;
    let first = entries().remove(0);
    let id = first.product.id.clone();
    write(&db, move |tx| {
        store::insert(tx, &first)?;
        tx.execute("UPDATE products SET tags = 'no list'", &[])
    })
    .await
    .unwrap();
    let read = write(&db, move |tx| store::entry_to_change(tx, &id)).await;
    assert!(matches!(read, Err(Error::Row { index: 6, .. })), "{read:?}");
}

#[test]
fn no_row_is_slow_to_write() {
    assert!(
        madang_db::testing::slow_to_write(vec![madang_events::migrations(), store::migrations()]).is_empty()
    );
}
