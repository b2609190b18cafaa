//! The SQL of dead letters that were given up.

use jiff::Timestamp;
use madang_db::{Error, Tx, params};
use uuid::Uuid;

use super::DeadLetter;

/// What an operator decided.
#[derive(Debug, Clone)]
pub(in crate::consumer) struct Decision {
    pub(in crate::consumer) id: Uuid,
    /// In the operator's words.
    pub(in crate::consumer) because: String,
    pub(in crate::consumer) at: Timestamp,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::consumer) struct Answer {
    /// Events applied of those that were parked.
    pub(in crate::consumer) applied: i32,
    /// The dead letter that blocks the key from then on.
    pub(in crate::consumer) next: Option<Uuid>,
}

/// The answer to an earlier discard of the same.
pub(in crate::consumer) fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Answer>, Error> {
    let sql = "SELECT applied, next_event_id FROM events_discards WHERE event_id = $1
               ORDER BY producer, position LIMIT 1";
    let row = tx.query_opt(sql, &params![id])?;
    row.map(|row| Ok(Answer { applied: row.get(0)?, next: row.get(1)? })).transpose()
}

/// Keeps a letter as it was, and why it was given up.
pub(in crate::consumer) fn insert(
    tx: &mut Tx<'_>,
    letter: &DeadLetter,
    decision: &Decision,
    answer: Answer,
) -> Result<(), Error> {
    let mut values = letter.event.columns().to_vec();
    values.extend(params![&letter.producer, &letter.reason, &letter.detail, letter.attempts]);
    values.extend(params![decision.at.as_microsecond(), &decision.because, answer.applied, answer.next]);
    tx.execute_one(
        "INSERT INTO events_discards (position, event_id, event_key, kind, payload, occurred_at, traceparent,
                                      producer, reason, detail, attempts,
                                      discarded_at, discarded_because, applied, next_event_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &values,
    )
}
