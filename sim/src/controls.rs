//! Negative controls: each takes one mechanism away, from outside, by a statement or a trigger in the database. Then the seeds must fail.

use madang_db::{Db, Error, Kind};

use crate::host::Role;

/// A mechanism that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Control {
    /// An undo that finds nothing leaves nothing, so that a step that comes later is done.
    Tombstones,
    /// One event in eight is lost between commit and relay, as where events are published after the commit without an outbox.
    Outbox,
    /// The cursor does not move.
    Cursor,
    /// The cursor moves one too far now and then: an event is taken for applied.
    Skip,
    /// A request_id is not kept.
    Requests,
    /// An order's version stays what it was, so that every update of its row matches: the last to commit wins.
    Guard,
    /// Orders forgets what it wrote last when it starts again, as where a commit is answered before the disk has it.
    Durability,
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Tombstones, Self::Outbox, Self::Cursor, Self::Skip, Self::Requests, Self::Guard];

    /// Switches it off in a service's database, each time that its process starts.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn install(self, db: &Db, role: Role) -> Result<(), Error> {
        let Some(sql) = self.statement(role) else { return Ok(()) };
        db.write(Kind::Request, move |tx| tx.execute(sql, &[]).map(drop)).await
    }

    fn statement(self, role: Role) -> Option<&'static str> {
        match (self, role) {
            (Self::Tombstones, Role::Inventory) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER INSERT ON reservations
                 WHEN NEW.state = 'RELEASED' AND NEW.lines IS NULL
                 BEGIN DELETE FROM reservations WHERE order_id = NEW.order_id; END",
            ),
            (Self::Tombstones, Role::Payments) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER INSERT ON payments
                 WHEN NEW.state = 'VOIDED' AND NEW.amount IS NULL
                 BEGIN DELETE FROM payments WHERE order_id = NEW.order_id; END",
            ),
            (Self::Tombstones, Role::Shipping) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER INSERT ON shipments
                 WHEN NEW.state = 'CANCELLED' AND NEW.tracking_number IS NULL
                 BEGIN DELETE FROM shipments WHERE order_id = NEW.order_id; END",
            ),
            (Self::Outbox, Role::Orders | Role::Payments | Role::Shipping) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER INSERT ON events_outbox
                 WHEN substr(hex(NEW.event_id), 32, 1) IN ('3', 'A')
                 BEGIN DELETE FROM events_outbox WHERE seq = NEW.seq;
                       UPDATE events_relay SET position = position - 1; END",
            ),
            (Self::Cursor, Role::Inventory | Role::Payments | Role::Shipping | Role::Notifications) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER UPDATE ON events_cursors
                 BEGIN UPDATE events_cursors SET position = OLD.position WHERE producer = NEW.producer; END",
            ),
            (Self::Skip, Role::Inventory | Role::Payments | Role::Shipping | Role::Notifications) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER UPDATE ON events_cursors
                 WHEN NEW.position > OLD.position AND NEW.position % 7 = 0
                 BEGIN UPDATE events_cursors SET position = NEW.position + 1 WHERE producer = NEW.producer; END",
            ),
            (Self::Requests, Role::Orders) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER INSERT ON events_requests
                 BEGIN DELETE FROM events_requests WHERE request_id = NEW.request_id; END",
            ),
            (Self::Guard, Role::Orders) => Some(
                "CREATE TRIGGER IF NOT EXISTS control AFTER UPDATE OF version ON orders
                 WHEN NEW.version > OLD.version
                 BEGIN UPDATE orders SET version = OLD.version WHERE order_id = NEW.order_id; END",
            ),
            (Self::Durability, Role::Orders) => {
                Some("DELETE FROM orders WHERE rowid = (SELECT MAX(rowid) FROM orders)")
            }
            _ => None,
        }
    }
}
