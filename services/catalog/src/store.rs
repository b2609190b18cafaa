//! Products in SQL, over one interface for both databases. Rows are private; domain words go in and out.

use std::str::FromStr;

use jiff::Timestamp;
use madang_db::{Dialect, Error, Row, Tx, Value, params};
use madang_types::{Grams, Money, ProductId};

use crate::domain::{Entry, Localized, Price, Product, Tag, Tags};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "catalog_schema_history", runner: embedded::migrations::runner() }
}

/// A row together with the version that guards its update.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// What was read.
    pub value: T,
    version: i64,
}

impl<T> Versioned<T> {
    /// Another value in the place of this one, guarded by the same version.
    pub fn with(&self, value: T) -> Self {
        Self { value, version: self.version }
    }

    /// The version, which is greater than that of every row written before.
    pub fn version(&self) -> i64 {
        self.version
    }
}

/// Whether there is no product; a new database has none.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn is_empty(tx: &mut Tx<'_>) -> Result<bool, Error> {
    Ok(tx.query_opt("SELECT version FROM products LIMIT 1", &[])?.is_none())
}

/// Reads a product to change it: the row stays locked. Call it before anything is written.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no product.
pub fn entry_to_change(tx: &mut Tx<'_>, product: &ProductId) -> Result<Option<Versioned<Entry>>, Error> {
    const SQLITE: &str = "SELECT product_id, name_en, name_ko, description_en, description_ko, category, tags, \
                          price_minor, currency, weight_grams, updated_at, version FROM products WHERE product_id = $1";
    const POSTGRES: &str = "SELECT product_id, name_en, name_ko, description_en, description_ko, category, tags, \
                            price_minor, currency, weight_grams, updated_at, version FROM products \
                            WHERE product_id = $1 FOR UPDATE";
    let sql = match tx.dialect() {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    tx.query_opt(sql, &params![product.as_str()])?.as_ref().map(read_entry).transpose()
}

/// Reads at most `limit` products that were written after a version, in the order in which they were written.
///
/// # Errors
/// Those of [`entry_to_change`].
pub fn written_after(tx: &mut Tx<'_>, version: i64, limit: i64) -> Result<Vec<Versioned<Entry>>, Error> {
    const SQL: &str = "SELECT product_id, name_en, name_ko, description_en, description_ko, category, tags, \
                       price_minor, currency, weight_grams, updated_at, version FROM products \
                       WHERE version > $1 ORDER BY version LIMIT $2";
    tx.query(SQL, &params![version, limit])?.iter().map(read_entry).collect()
}

/// Writes a product that is new.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn insert(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), Error> {
    insert_all(tx, std::slice::from_ref(entry)).map(drop)
}

/// Writes products that are new; gives the version of the last.
///
/// # Errors
/// Those of [`insert`].
pub fn insert_all(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<i64, Error> {
    const SQL: &str = "INSERT INTO products (name_en, name_ko, description_en, description_ko, category, tags, \
                       price_minor, currency, weight_grams, updated_at, product_id, version) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    let last = draw_versions(tx, count)?;
    for (entry, version) in entries.iter().zip(last - count + 1..) {
        let key = params![entry.product.id.as_str(), version];
        tx.send_one(SQL, &[columns(entry).as_slice(), &key].concat())?;
    }
    Ok(last)
}

/// Writes a product in the place of what was read.
///
/// # Errors
/// [`Error::Conflict`] where another writer was first.
pub fn update(tx: &mut Tx<'_>, entry: &Versioned<Entry>) -> Result<(), Error> {
    const SQL: &str = "UPDATE products SET name_en = $1, name_ko = $2, description_en = $3, description_ko = $4, \
                       category = $5, tags = $6, price_minor = $7, currency = $8, weight_grams = $9, updated_at = $10, \
                       version = $12 WHERE product_id = $11 AND version = $13";
    let version = draw_versions(tx, 1)?;
    let key = params![entry.value.product.id.as_str(), version, entry.version];
    tx.send_one(SQL, &[columns(&entry.value).as_slice(), &key].concat())
}

/// Draws so many versions; gives the last. The row stays locked until COMMIT, so no one sees a version before all that are
/// smaller.
fn draw_versions(tx: &mut Tx<'_>, count: i64) -> Result<i64, Error> {
    tx.send_one("UPDATE product_versions SET last = last + $1 WHERE id = 1", &params![count])?;
    let row = tx.query_opt("SELECT last FROM product_versions WHERE id = 1", &[])?;
    row.ok_or_else(|| unreadable(0, "the last version"))?.get(0)
}

/// All columns but the key and the version.
fn columns(entry: &Entry) -> [Value; 10] {
    let Entry { product, updated } = entry;
    let Product { id: _, name, description, category, tags, price, weight } = product;
    let tags = serde_json::Value::from_iter(tags.as_slice().iter().map(Tag::as_str));
    params![
        name.en.as_str(),
        name.ko.as_str(),
        description.en.as_str(),
        description.ko.as_str(),
        category.as_str(),
        tags.to_string(),
        price.money().minor_units(),
        price.money().currency().as_str(),
        weight.get(),
        updated.as_microsecond(),
    ]
}

fn read_entry(row: &Row) -> Result<Versioned<Entry>, Error> {
    let money = Money::new(row.get(7)?, parsed(row, 8)?).map_err(|_| unreadable(7, "an amount"))?;
    let product = Product {
        id: parsed(row, 0)?,
        name: Localized { en: parsed(row, 1)?, ko: parsed(row, 2)? },
        description: Localized { en: parsed(row, 3)?, ko: parsed(row, 4)? },
        category: parsed(row, 5)?,
        tags: read_tags(&row.get::<String>(6)?).ok_or_else(|| unreadable(6, "tags"))?,
        price: Price::try_from(money).map_err(|_| unreadable(7, "a price"))?,
        weight: Grams::try_from(row.get::<i64>(9)?).map_err(|_| unreadable(9, "a weight"))?,
    };
    let updated = Timestamp::from_microsecond(row.get(10)?).map_err(|_| unreadable(10, "a time"))?;
    Ok(Versioned { value: Entry { product, updated }, version: row.get(11)? })
}

fn read_tags(text: &str) -> Option<Tags> {
    let tags: Vec<String> = serde_json::from_str(text).ok()?;
    let tags = tags.iter().map(|tag| tag.parse().ok()).collect::<Option<Vec<_>>>()?;
    Tags::try_from(tags).ok()
}

fn parsed<T: FromStr>(row: &Row, index: usize) -> Result<T, Error> {
    row.get::<String>(index)?.parse().map_err(|_| unreadable(index, "a text that is valid there"))
}

fn unreadable(index: usize, expected: &'static str) -> Error {
    Error::Row { index, expected, found: "something else" }
}
