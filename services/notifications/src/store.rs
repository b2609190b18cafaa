//! Notifications in SQL, over one interface for both databases. Rows are private; domain words go in and out.

use jiff::Timestamp;
use madang_db::{Dialect, Error, FromValue, Row, Tx, Value, params};
use madang_types::{CustomerId, OrderId};

use crate::domain::{Kind, Notification, Text};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of this service.
pub fn migrations() -> madang_db::Migrations {
    madang_db::Migrations { table: "notifications_schema_history", runner: embedded::migrations::runner() }
}

/// A notification and its place in the order in which all were told, from 1, with gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its place.
    pub place: i64,
    /// What was told.
    pub notification: Notification,
}

/// Writes a notification at the next place, unless it was told already: tells whether it was not. Until the transaction ends no
/// other writer gets a place.
///
/// # Errors
/// Those of [`Tx::execute`].
pub fn insert(tx: &mut Tx<'_>, notification: &Notification) -> Result<bool, Error> {
    let Notification { id, customer, order, kind, text, created } = notification;
    let (customer, order, kind) = (customer.as_str(), order.uuid(), kind.as_str());
    let values = params![*id, customer, order, kind, &text.en, &text.ko, created.as_microsecond()];
    match tx.dialect() {
        Dialect::Sqlite => {
            // One writer, and rows stay: SQLite numbers them, the last one and 1, in the order of the commits.
            const SQL: &str = "INSERT INTO notifications (notification_id, customer_id, order_id, kind, text_en, text_ko, \
                               created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
            Ok(tx.execute(SQL, &values)? == 1)
        }
        Dialect::Postgres => {
            // Its row is the lock.
            const SQL: &str = "WITH next AS (UPDATE notifications_place SET last = last + 1 WHERE id = 1 AND NOT EXISTS \
                               (SELECT 1 FROM notifications WHERE notification_id = $1) RETURNING last) \
                               INSERT INTO notifications (place, notification_id, customer_id, order_id, kind, text_en, \
                               text_ko, created_at) SELECT last, $1, $2, $3, $4, $5, $6, $7 FROM next \
                               ON CONFLICT DO NOTHING";
            Ok(tx.execute(SQL, &values)? == 1)
        }
    }
}

/// The customer's notifications that are older than a time and place, newest first; from the newest on where none is given.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no notification.
pub fn of_customer(
    tx: &mut Tx<'_>,
    customer: &CustomerId,
    older: Option<(i64, i64)>,
    limit: i64,
) -> Result<Vec<Told>, Error> {
    const SQL: &str = "SELECT place, notification_id, customer_id, order_id, kind, text_en, text_ko, created_at \
                       FROM notifications WHERE customer_id = $1 AND (created_at, place) < ($2, $3) \
                       ORDER BY created_at DESC, place DESC LIMIT $4";
    let (created_at, place) = older.unwrap_or((i64::MAX, i64::MAX));
    read(tx, SQL, &params![customer.as_str(), created_at, place, limit])
}

/// The notifications after a place, of all customers, in the order of their places.
///
/// # Errors
/// Those of [`of_customer`].
pub fn after(tx: &mut Tx<'_>, place: i64, limit: i64) -> Result<Vec<Told>, Error> {
    const SQL: &str = "SELECT place, notification_id, customer_id, order_id, kind, text_en, text_ko, created_at \
                       FROM notifications WHERE place > $1 ORDER BY place LIMIT $2";
    read(tx, SQL, &params![place, limit])
}

/// The last place; 0 before the first notification.
///
/// # Errors
/// Those of [`Tx::query`].
pub fn last_place(tx: &mut Tx<'_>) -> Result<i64, Error> {
    const SQL: &str = "SELECT COALESCE(MAX(place), 0) FROM notifications";
    tx.query_opt(SQL, &[])?.map_or(Ok(0), |row| row.get(0))
}

fn read(tx: &mut Tx<'_>, sql: &'static str, values: &[Value]) -> Result<Vec<Told>, Error> {
    tx.query(sql, values)?.iter().map(read_row).collect()
}

fn read_row(row: &Row) -> Result<Told, Error> {
    let notification = Notification {
        id: row.get(1)?,
        customer: column(row, 2, "a customer id", |text: String| text.parse().ok())?,
        order: OrderId::new(row.get(3)?),
        kind: column(row, 4, "a kind", |name: String| Kind::named(&name))?,
        text: Text { en: row.get(5)?, ko: row.get(6)? },
        created: column(row, 7, "microseconds since 1970", |micros| {
            Timestamp::from_microsecond(micros).ok()
        })?,
    };
    Ok(Told { place: row.get(0)?, notification })
}

/// A column that holds a word of the domain.
fn column<C: FromValue, T>(
    row: &Row,
    index: usize,
    expected: &'static str,
    read: impl FnOnce(C) -> Option<T>,
) -> Result<T, Error> {
    read(row.get(index)?).ok_or(Error::Row { index, expected, found: "something else" })
}
