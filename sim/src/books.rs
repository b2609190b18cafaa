//! What the databases hold, read from outside after a step of the simulation.

use std::sync::Arc;

use futures::FutureExt;
use madang_db::{Db, Error, Stats, Tx};

use crate::Trace;
use crate::host::{Host, Role};

/// Tells each commit and each change of state, in order.
#[derive(Debug, Default)]
pub(crate) struct Books {
    seen: [Stats; Role::ALL.len()],
    states: [String; Role::ALL.len()],
    /// Closures that were committed.
    pub(crate) commits: u64,
}

impl Books {
    /// Looks at a host after a step.
    pub(crate) fn look(&mut self, host: &Host, trace: &Trace) {
        let (Some(db), index) = (host.db(), host.role as usize) else { return };
        let mut stats = db.stats();
        // These are our own, too.
        stats.reads = 0;
        if stats == self.seen[index] {
            return;
        }
        let wrote = stats.written_groups != self.seen[index].written_groups;
        self.seen[index] = stats;
        trace.tell(format_args!("{} commits: {}", host.role.name(), told(&stats)));
        if !wrote {
            return;
        }
        self.commits += 1;
        let state = state(&db, host.role).unwrap_or_else(|error| format!("unreadable: {error}"));
        if state != self.states[index] {
            trace.tell(format_args!("{} holds {state}", host.role.name()));
            self.states[index] = state;
        }
    }
}

fn told(stats: &Stats) -> String {
    let kinds = madang_db::Kind::ALL.map(|kind| format!("{}={}", kind.as_str(), stats.committed(kind)));
    let Stats { groups, written_groups, rolled_back, reruns, .. } = stats;
    format!(
        "{} groups={groups} written={written_groups} rolled_back={rolled_back} reruns={reruns}",
        kinds.join(" ")
    )
}

/// All that a service holds and that changes, as text.
fn state(db: &Db, role: Role) -> Result<String, Error> {
    let own: &[&'static str] = match role {
        Role::Catalog => &[],
        Role::Inventory => &[
            "SELECT GROUP_CONCAT(hex(order_id) || state || version) FROM (SELECT * FROM reservations ORDER BY order_id)",
            "SELECT GROUP_CONCAT(product_id || available || '/' || reserved || '/' || sold) FROM
             (SELECT * FROM stock WHERE version > 1 ORDER BY product_id)",
        ],
        Role::Payments => {
            &["SELECT GROUP_CONCAT(hex(order_id) || state || version || '@' || updated_at) FROM
               (SELECT * FROM payments ORDER BY order_id)"]
        }
        Role::Shipping => &[
            "SELECT GROUP_CONCAT(hex(order_id) || state || version) FROM (SELECT * FROM shipments ORDER BY order_id)",
        ],
        Role::Orders => &["SELECT GROUP_CONCAT(hex(order_id) || state || version || '@' || updated_at) FROM
               (SELECT * FROM orders ORDER BY order_id)"],
        Role::Notifications => &[
            "SELECT GROUP_CONCAT(place || kind || hex(order_id)) FROM (SELECT * FROM notifications ORDER BY place)",
        ],
    };
    let shared: &[&'static str] = &[
        "SELECT GROUP_CONCAT(producer || position) FROM (SELECT * FROM events_cursors ORDER BY producer)",
        "SELECT GROUP_CONCAT(seq || '@' || COALESCE(position, '-') || hex(event_id)) FROM
         (SELECT * FROM events_outbox ORDER BY seq DESC LIMIT 8)",
    ];
    let texts =
        read(db, move |tx| own.iter().chain(shared).map(|sql| text(tx, sql)).collect::<Result<Vec<_>, _>>())?;
    Ok(texts.join(" | "))
}

fn text(tx: &mut Tx<'_>, sql: &'static str) -> Result<String, Error> {
    let row = tx.query_opt(sql, &[])?;
    Ok(row.map(|row| row.get::<Option<String>>(0)).transpose()?.flatten().unwrap_or_default())
}

fn number(tx: &mut Tx<'_>, sql: &'static str) -> Result<i64, Error> {
    tx.query_opt(sql, &[])?.map_or(Ok(0), |row| row.get(0))
}

/// The inline executor reads at once: there is nothing to wait for.
fn read<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    db.read(work).now_or_never().unwrap_or(Err(Error::Closed))
}

/// What is still to be done, in words; nothing once the shop is at rest.
pub(crate) fn under_way(hosts: &[Arc<Host>]) -> Option<String> {
    let open = |host: &Host| -> Result<Option<String>, Error> {
        let db = host.db().ok_or(Error::Closed)?;
        if host.role == Role::Orders {
            let open = "SELECT COUNT(*) FROM orders WHERE state NOT IN ('CONFIRMED', 'REJECTED', 'CANCELLED', 'STUCK')";
            let open = read(&db, move |tx| number(tx, open))?;
            if open > 0 {
                return Ok(Some(format!("{open} orders are open")));
            }
        }
        let unstamped =
            read(&db, |tx| number(tx, "SELECT COUNT(*) FROM events_outbox WHERE position IS NULL"))?;
        Ok((unstamped > 0).then(|| format!("{unstamped} events of {} have no position", host.role.name())))
    };
    for host in hosts {
        match open(host) {
            Ok(None) => {}
            Ok(told) => return told,
            Err(error) => return Some(format!("{}: {error}", host.role.name())),
        }
    }
    lag(hosts)
}

/// Which consumer is behind or ahead of which producer.
fn lag(hosts: &[Arc<Host>]) -> Option<String> {
    let db = |name: &str| hosts.iter().find(|host| host.role.name() == name)?.db();
    for host in hosts {
        let cursors = |tx: &mut Tx<'_>| {
            let rows = tx.query("SELECT producer, position FROM events_cursors ORDER BY producer", &[])?;
            rows.iter()
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .collect::<Result<Vec<(String, i64)>, Error>>()
        };
        for (producer, cursor) in read(&db(host.role.name())?, cursors).ok()? {
            let last = read(&db(&producer)?, |tx| number(tx, "SELECT position FROM events_relay")).ok()?;
            if cursor != last {
                return Some(format!("{} is at {cursor} of {last} of {producer}", host.role.name()));
            }
        }
    }
    None
}

/// What the witness saw that must not be.
pub(crate) fn wrong_arcs(hosts: &[Arc<Host>]) -> Vec<String> {
    let sql = "SELECT GROUP_CONCAT(arc, '; ') FROM witness";
    let db = hosts.iter().find(|host| host.role == Role::Orders).and_then(|host| host.db());
    let told = db.map_or(Err(Error::Closed), |db| read(&db, move |tx| text(tx, sql)));
    match told {
        Ok(arcs) if arcs.is_empty() => Vec::new(),
        Ok(arcs) => vec![arcs],
        Err(error) => vec![format!("the witness cannot be asked: {error}")],
    }
}

/// Dead letters and parked events of a host.
pub(crate) fn dead_letters(host: &Host) -> i64 {
    let count = |db: &Db| read(db, |tx| number(tx, "SELECT COUNT(*) FROM events_dead_letters")).ok();
    host.db().as_ref().and_then(count).unwrap_or_default()
}
