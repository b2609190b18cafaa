use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use madang_db::Tx;

use crate::Event;

/// What a consumer does with the events of one producer.
pub trait Handler: Send + Sync + 'static {
    /// Applies an event in the transaction that moves the cursor. It may run more than once, each time from the same state:
    /// it keeps nothing outside of `tx`, and gives the same for the same event. A panic counts as [`Failure::Transient`].
    ///
    /// # Errors
    /// See [`Failure`]; it rolls the transaction back.
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure>;

    /// Takes note, in the transaction that writes the dead letter, that an event could not be applied.
    ///
    /// # Errors
    /// Those of the database: the dead letter is then written later, with this call again.
    fn dead_lettered(
        &self,
        tx: &mut Tx<'_>,
        event: &Event,
        failure: &Failure,
    ) -> Result<(), madang_db::Error> {
        let _unused = (tx, event, failure);
        Ok(())
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Applied,
    /// Its effect was there before, or was undone before it came.
    AlreadyApplied,
    /// A type that this consumer does not know or need.
    Ignored,
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Worth trying again: with growing pauses, then it becomes a dead letter.
    #[error("{reason}: {detail}")]
    Transient {
        /// An error reason, such as `PAYMENT_NOT_YET_THERE`.
        reason: &'static str,
        /// The cause, for operators.
        detail: String,
    },
    /// It will never work: a dead letter at once.
    #[error("{reason}: {detail}")]
    Permanent {
        /// An error reason, such as `PAYMENT_OUTSTANDING`.
        reason: &'static str,
        /// The cause, for operators.
        detail: String,
    },
    /// The database failed. Where it may pass, the event is tried again for ever; a statement that fails or a row that
    /// cannot be read is a defect that only this event meets, and counts as [`Failure::Transient`].
    #[error("the event's transaction failed")]
    Db(#[from] madang_db::Error),
}

impl Failure {
    /// The error reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Transient { reason, .. } | Self::Permanent { reason, .. } => reason,
            Self::Db(error) if error.retryable() => madang_api::error::DATABASE_UNAVAILABLE,
            Self::Db(_) => madang_api::error::INTERNAL,
        }
    }

    /// Whether it is the event's own, and not one of the database as a whole.
    pub(crate) fn is_of_event(&self) -> bool {
        match self {
            Self::Transient { .. } | Self::Permanent { .. } => true,
            Self::Db(error) => !error.retryable(),
        }
    }

    /// The cause in words, for operators.
    pub fn detail(&self) -> String {
        match self {
            Self::Transient { detail, .. } | Self::Permanent { detail, .. } => detail.clone(),
            Self::Db(error) => error.to_string(),
        }
    }
}

/// Applies an event; a panic becomes a failure of this event alone, where the database would fail the whole batch.
pub(crate) fn apply(handler: &dyn Handler, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
    catch_unwind(AssertUnwindSafe(|| handler.apply(tx, event))).unwrap_or_else(|payload| {
        Err(Failure::Transient { reason: "HANDLER_PANICKED", detail: panic_text(&*payload).to_owned() })
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
