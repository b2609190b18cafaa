//! Sees every change of an order's state, from a trigger in the database: an order moves by the arcs of its machine and by no other.

use madang_db::{Db, Error, Kind};

use crate::host::Role;

/// A confirmed order that is cancelled undoes its shipment alone, which is the third step: only that way leads back.
const WITNESS: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS witness (arc TEXT NOT NULL)",
    "CREATE TRIGGER IF NOT EXISTS witness AFTER UPDATE OF state ON orders
     WHEN OLD.state || ' to ' || NEW.state NOT IN ('PENDING to CONFIRMED', 'PENDING to REJECTING',
          'PENDING to CANCELLING', 'CONFIRMED to CANCELLING', 'REJECTING to REJECTED', 'CANCELLING to CANCELLED',
          'REJECTING to STUCK', 'CANCELLING to STUCK', 'STUCK to REJECTING', 'STUCK to CANCELLING')
      AND NOT (OLD.state = 'CANCELLING' AND OLD.undo_from = 2 AND NEW.state = 'CONFIRMED')
     BEGIN INSERT INTO witness VALUES (hex(NEW.order_id) || ' went from ' || OLD.state || ' to ' || NEW.state); END",
];

/// Has a trigger watch from now on.
///
/// # Errors
/// Those of the database.
pub(crate) async fn install(db: &Db, role: Role) -> Result<(), Error> {
    if role != Role::Orders {
        return Ok(());
    }
    db.write(Kind::Request, |tx| WITNESS.iter().try_for_each(|sql| tx.execute(sql, &[]).map(drop))).await
}
