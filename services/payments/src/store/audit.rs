//! What the audit reads. Call all of it in one transaction, so that it is one snapshot.

use std::collections::HashMap;

use madang_db::{Error, Row, Tx, params};
use madang_types::OrderId;

use super::{currency, read, unreadable};
use crate::domain::{Account, Entry, Payment};

/// The balance of every account in every currency, over the whole ledger.
///
/// It reads every line, which is cheap enough for an audit of some hundred thousand payments; beyond that, keep running
/// balances in a table, written with the lines.
///
/// # Errors
/// Those of [`Tx::query`]; [`Error::Row`] for a row that is no line of the ledger.
pub fn balances(tx: &mut Tx<'_>) -> Result<Vec<Entry>, Error> {
    // PostgreSQL sums BIGINT to NUMERIC; the cast fails where an i64 would not hold the sum.
    const SQL: &str = "SELECT account, currency, CAST(SUM(minor_units) AS BIGINT) FROM ledger_entries \
                       GROUP BY account, currency ORDER BY account, currency";
    tx.query(SQL, &[])?.iter().map(|row| read_entry(row, 0)).collect()
}

/// The payments that follow an order, by order id; from the first on where none is given.
///
/// # Errors
/// Those of [`super::payment`].
pub fn page(tx: &mut Tx<'_>, after: Option<OrderId>, limit: i64) -> Result<Vec<Payment>, Error> {
    const SQL: &str = "SELECT order_id, state, amount, currency, customer_id, card_digest, refunded, decline_reason, \
                       updated_at, version FROM payments WHERE order_id > $1 ORDER BY order_id LIMIT $2";
    // No bytes at all sort before every id.
    let after = after.map(|order| order.uuid().as_bytes().to_vec()).unwrap_or_default();
    let rows = tx.query(SQL, &params![after, limit])?;
    rows.iter().map(|row| read(row).map(|found| found.value)).collect()
}

/// The sums of the entries of each order from the first to the last, by account and currency.
///
/// # Errors
/// Those of [`balances`].
pub fn sums(tx: &mut Tx<'_>, first: OrderId, last: OrderId) -> Result<HashMap<OrderId, Vec<Entry>>, Error> {
    const SQL: &str = "SELECT order_id, account, currency, CAST(SUM(minor_units) AS BIGINT) FROM ledger_entries \
                       WHERE order_id >= $1 AND order_id <= $2 GROUP BY order_id, account, currency";
    let mut sums: HashMap<OrderId, Vec<Entry>> = HashMap::new();
    for row in tx.query(SQL, &params![first.uuid(), last.uuid()])? {
        sums.entry(OrderId::new(row.get(0)?)).or_default().push(read_entry(&row, 1)?);
    }
    Ok(sums)
}

fn read_entry(row: &Row, first: usize) -> Result<Entry, Error> {
    let account =
        Account::named(&row.get::<String>(first)?).ok_or_else(|| unreadable(first, "an account"))?;
    Ok(Entry { account, currency: currency(row, first + 1)?, minor_units: row.get(first + 2)? })
}
