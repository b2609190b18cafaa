//! What happens in the transaction that gives a dead letter up.

use madang_db::Tx;
use uuid::Uuid;

use super::redrive::{Refused, apply, hold};
use super::store::discards::{self, Answer, Decision};
use super::store::{self, DeadLetter};
use super::{Followed, Shared};
use crate::Failure;

/// An event that fails, by its position: found by a run of the transaction that was rolled back.
pub(super) type Failing = (i64, Failure);

/// What became of a dead letter.
#[derive(Debug)]
pub(super) enum Discarded {
    /// It is given up now.
    Now(Box<DeadLetter>, Answer),
    /// It was before.
    Before(Answer),
}

/// Deletes a dead letter, keeps it with the decision, and applies what is parked behind it up to the event that is known to
/// fail, which becomes the dead letter of the key. [`Refused::Failed`] makes another event known: it is to be run again with
/// that one.
pub(super) fn discard(
    tx: &mut Tx<'_>,
    shared: &Shared,
    decision: &Decision,
    failing: Option<&Failing>,
) -> Result<Discarded, Refused> {
    let head = match hold(tx, decision.id) {
        Err(Refused::NotFound) => return before(tx, decision.id),
        held => held?,
    };
    let followed = shared.followed(&head.producer);
    let (applied, next) = free(tx, followed, &head, failing)?;
    store::delete_key(tx, &head, next.as_ref().map_or(i64::MAX, |next| next.event.position))?;
    let answer = Answer { applied, next: next.map(|next| next.event.id) };
    discards::insert(tx, &head, decision, answer)?;
    Ok(Discarded::Now(Box::new(head), answer))
}

fn before(tx: &mut Tx<'_>, id: Uuid) -> Result<Discarded, Refused> {
    discards::find(tx, id)?.map(Discarded::Before).ok_or(Refused::NotFound)
}

/// Applies what is parked behind a dead letter; tells how many, and which event blocks the key now.
fn free(
    tx: &mut Tx<'_>,
    followed: Option<&Followed>,
    head: &DeadLetter,
    failing: Option<&Failing>,
) -> Result<(i32, Option<DeadLetter>), Refused> {
    let mut applied = 0_i32;
    let mut from = head.event.position.saturating_add(1);
    loop {
        let waiting = store::of_key(tx, head, from)?;
        let Some(last) = waiting.last() else { return Ok((applied, None)) };
        from = last.event.position.saturating_add(1);
        for letter in waiting {
            if let Some((_, failure)) = failing.filter(|(position, _)| *position == letter.event.position) {
                block(tx, followed, &letter, failure)?;
                return Ok((applied, Some(letter)));
            }
            let Some(followed) = followed else { return Err(no_handler(letter)) };
            apply(tx, followed, letter)?;
            applied = applied.saturating_add(1);
        }
    }
}

/// Makes a parked event the dead letter of its key, as if it had failed when it came.
fn block(
    tx: &mut Tx<'_>,
    followed: Option<&Followed>,
    letter: &DeadLetter,
    failure: &Failure,
) -> Result<(), Refused> {
    store::block(tx, letter, failure.reason(), &failure.detail())?;
    if let Some(followed) = followed {
        followed.subscription.handler.dead_lettered(tx, &letter.event, failure)?;
    }
    Ok(())
}

fn no_handler(letter: DeadLetter) -> Refused {
    let detail = "this consumer does not read the event's producer any more".to_owned();
    Refused::Failed(Box::new(letter), Failure::Permanent { reason: "NO_HANDLER", detail })
}
