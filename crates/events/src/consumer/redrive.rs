//! What happens in the transaction that applies a dead letter again.

use madang_db::Tx;
use uuid::Uuid;

use super::store::{self, DeadLetter};
use super::{Followed, Shared};
use crate::{Failure, handler};

/// Why nothing was done about a dead letter.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is none with this id.
    NotFound,
    /// It waits behind the event at this position.
    Parked(i64),
    /// This consumer does not read the producer any more.
    NoHandler,
    /// An event failed.
    Failed(Box<DeadLetter>, Failure),
    /// The transaction failed.
    Db(madang_db::Error),
}

impl From<madang_db::Error> for Refused {
    fn from(error: madang_db::Error) -> Self {
        Self::Db(error)
    }
}

/// Applies a dead letter and what is parked behind it, in order, and deletes them; tells how many.
pub(super) fn redrive(tx: &mut Tx<'_>, shared: &Shared, id: Uuid) -> Result<i32, Refused> {
    let head = hold(tx, id)?;
    let followed = shared.followed(&head.producer).ok_or(Refused::NoHandler)?;
    let mut applied = 0_i32;
    let mut from = head.event.position;
    loop {
        let waiting = store::of_key(tx, &head, from)?;
        let Some(last) = waiting.last() else { break };
        from = last.event.position.saturating_add(1);
        for letter in waiting {
            apply(tx, followed, letter)?;
            applied = applied.saturating_add(1);
        }
    }
    store::delete_key(tx, &head, i64::MAX)?;
    Ok(applied)
}

/// Reads a dead letter that blocks its key, and keeps the key as it is until the transaction ends.
pub(super) fn hold(tx: &mut Tx<'_>, id: Uuid) -> Result<DeadLetter, Refused> {
    let named = store::find(tx, id)?.ok_or(Refused::NotFound)?;
    store::hold_cursor(tx, &named.producer)?;
    // Again, under the lock: another operator may have been first.
    let head = store::find(tx, id)?.ok_or(Refused::NotFound)?;
    if head.parked {
        let first = store::of_key(tx, &head, 0)?.into_iter().next();
        return Err(Refused::Parked(first.map_or(0, |first| first.event.position)));
    }
    Ok(head)
}

/// Applies one letter's event. What is the event's own fault is told apart from what the database could not do now.
pub(super) fn apply(tx: &mut Tx<'_>, followed: &Followed, letter: DeadLetter) -> Result<(), Refused> {
    match handler::apply(&*followed.subscription.handler, tx, &letter.event) {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_of_event() => Err(Refused::Failed(Box::new(letter), failure)),
        Err(Failure::Db(error)) => Err(Refused::Db(error)),
        Err(failure) => Err(Refused::Failed(Box::new(letter), failure)),
    }
}
