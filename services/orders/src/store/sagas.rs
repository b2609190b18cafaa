//! Orders that are under way or stuck, of all processes, for those who run the shop.

use madang_db::{Error, Tx, params};
use madang_types::OrderId;
use uuid::Uuid;

use super::{Owned, row};
use crate::domain::State;

/// Which sagas are wanted, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of four")]
pub struct Filter {
    /// PENDING.
    pub pending: bool,
    /// CANCELLING.
    pub cancelling: bool,
    /// REJECTING.
    pub rejecting: bool,
    /// STUCK.
    pub stuck: bool,
}

/// A saga's place in the list: the stuck ones by id, then the others by owner and id, as their indexes have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among those that are stuck.
    Stuck(OrderId),
    /// Among those that are under way.
    Open(Uuid, OrderId),
}

impl Place {
    /// Where an order stands in the list, by its state, owner and id.
    pub fn of(state: &State, owner: Uuid, id: OrderId) -> Self {
        match state {
            State::Stuck { .. } => Self::Stuck(id),
            State::Pending
            | State::Confirmed
            | State::Undoing { .. }
            | State::Rejected(_)
            | State::Cancelled(_) => Self::Open(owner, id),
        }
    }
}

/// The sagas that follow a place, at most `limit`. One that changes between two pages may be on both or on none.
///
/// # Errors
/// Those of [`order`](super::order).
pub fn page(tx: &mut Tx<'_>, filter: Filter, after: Option<Place>, limit: i64) -> Result<Vec<Owned>, Error> {
    let mut sagas = match after {
        Some(Place::Open(..)) => Vec::new(),
        _ if !filter.stuck => Vec::new(),
        Some(Place::Stuck(id)) => stuck(tx, id.uuid(), limit)?,
        None => stuck(tx, Uuid::nil(), limit)?,
    };
    let rest = limit.saturating_sub(i64::try_from(sagas.len()).unwrap_or(i64::MAX));
    let from = match after {
        Some(Place::Open(owner, id)) => (owner, id.uuid()),
        Some(Place::Stuck(_)) | None => (Uuid::nil(), Uuid::nil()),
    };
    if rest > 0 {
        sagas.extend(open(tx, filter, from, rest)?);
    }
    Ok(sagas)
}

fn stuck(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<Owned>, Error> {
    const SQL: &str =
        concat!(columns!(), " WHERE state = 'STUCK' AND order_id > $1 ORDER BY order_id LIMIT $2");
    tx.query(SQL, &params![after, limit])?.iter().map(row::read).collect()
}

fn open(tx: &mut Tx<'_>, filter: Filter, (owner, id): (Uuid, Uuid), limit: i64) -> Result<Vec<Owned>, Error> {
    // The first condition is the index's own; no state has an empty name.
    const SQL: &str = concat!(
        columns!(),
        " WHERE ",
        is_open!(),
        " AND (state = $1 OR state = $2 OR state = $3) AND (owner, order_id) > ($4, $5) ORDER BY owner, order_id LIMIT $6"
    );
    let wanted = |is_wanted: bool, state: &'static str| if is_wanted { state } else { "" };
    let values = params![
        wanted(filter.pending, "PENDING"),
        wanted(filter.cancelling, "CANCELLING"),
        wanted(filter.rejecting, "REJECTING"),
        owner,
        id,
        limit,
    ];
    tx.query(SQL, &values)?.iter().map(row::read).collect()
}
