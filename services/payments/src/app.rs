//! One function for each use case: looks up the repeat, applies the rules, writes, all in one transaction.

mod events;
mod refund;

use std::sync::Arc;

use jiff::Timestamp;
use madang_chassis::{Platform, trace};
use madang_db::{Db, Kind, Tx};
use madang_events::requests;
use madang_types::{Clock, CustomerId, Money, OrderId};

pub use self::events::{Cause, cancel, capture, outstanding};
pub use self::refund::Refund;
use crate::domain::{
    Answer, CardToken, Change, Decline, Entry, Movement, Payment, Refusal, State, Terms, Verdict, decide,
};
use crate::store::{self, Versioned};

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order has no payment.
    #[error("the order has no payment")]
    NotFound,
    /// The card was refused.
    #[error("the card was refused")]
    Declined(Decline),
    /// The payment was voided before it was made, or given back since.
    #[error("the payment was undone")]
    StepUndone,
    /// The same key came with other content.
    #[error("the key was used for another request")]
    Reused,
    /// The payment's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The amount is held, but the test card has the answer lost.
    #[error("the answer was lost")]
    AnswerLost,
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] madang_db::Error),
}

impl From<requests::Error> for Error {
    fn from(error: requests::Error) -> Self {
        match error {
            requests::Error::Reused => Self::Reused,
            requests::Error::Db(error) => Self::Db(error),
        }
    }
}

/// Asks to hold an amount.
#[derive(Debug)]
pub struct Authorize {
    /// For which order; the key.
    pub order: OrderId,
    /// How much; more than zero.
    pub amount: Money,
    /// On which card.
    pub card: CardToken,
    /// Who pays.
    pub customer: CustomerId,
}

/// A part of the ledger, the first one with the balances of all of it, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The balances of all accounts; none where it is not the first part.
    pub balances: Vec<Entry>,
    /// Payments by order id, each with whether its own entries agree with its state.
    pub payments: Vec<(Payment, bool)>,
}

/// The use cases of payments.
#[derive(Debug, Clone)]
pub struct App {
    db: Db,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Over a database, with the platform's clock.
    pub fn new(db: Db, platform: &Platform) -> Self {
        Self { db, clock: Arc::clone(&platform.clock) }
    }

    /// Holds an amount on a card.
    ///
    /// # Errors
    /// [`Error::Declined`], [`Error::StepUndone`], [`Error::Reused`], [`Error::AnswerLost`], [`Error::Db`].
    pub async fn authorize(&self, command: Authorize) -> Result<Payment, Error> {
        let Authorize { order, amount, card, customer } = command;
        let verdict = decide(&card, amount);
        if let Verdict::Approved(Answer::Late(after)) = verdict {
            // The server drops this call at its deadline; then nothing was written.
            tokio::time::sleep(after).await;
        }
        let terms = Terms { amount, card: card.digest(), customer };
        let decline = if let Verdict::Refused(decline) = verdict { Some(decline) } else { None };
        let (payment, movement) = Payment::authorize(order, terms, decline, self.now());
        // A refusal is committed like an authorization, so that a repeat meets it; only then is it told.
        let work = move |tx: &mut Tx<'_>| authorize(tx, &payment, movement);
        let (payment, first) = self.db.write(Kind::OrderPath, work).await?;
        match payment.state {
            State::Authorized { .. } if first && verdict == Verdict::Approved(Answer::Lost) => {
                Err(Error::AnswerLost)
            }
            State::Authorized { .. } | State::Captured { .. } => Ok(payment),
            // Whoever asks again must not take money that went back for money that is held.
            State::Voided { .. } | State::Refunded { .. } => Err(Error::StepUndone),
            State::Declined { reason, .. } => Err(Error::Declined(reason)),
        }
    }

    /// Lets the held amount go, or leaves a tombstone.
    ///
    /// # Errors
    /// [`Refusal::Captured`], [`Error::Db`].
    pub async fn void(&self, order: OrderId) -> Result<Payment, Error> {
        let now = self.now();
        self.db.write(Kind::FollowUp, move |tx| void(tx, order, now)).await
    }

    /// Takes the held amount.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Refusal::NotAuthorized`], [`Error::Db`].
    pub async fn capture(&self, order: OrderId) -> Result<Payment, Error> {
        let cause = Cause { at: self.now(), traceparent: trace::traceparent().unwrap_or_default() };
        let work = move |tx: &mut Tx<'_>| capture(tx, order, &cause);
        self.db.write(Kind::Request, work).await.map(|(payment, _)| payment)
    }

    /// Gives captured money back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::NotCaptured`], [`Refusal::ExceedsCapture`], [`Refusal::OtherCurrency`],
    /// [`Error::Reused`], [`Error::Db`].
    pub async fn refund(&self, command: Refund) -> Result<Payment, Error> {
        let (now, fingerprint) = (self.now(), command.fingerprint());
        let work = move |tx: &mut Tx<'_>| refund::refund(tx, &command, &fingerprint, now);
        // A refusal is committed with the request's id, so that a repeat meets it; only then is it told.
        Ok(self.db.write(Kind::Request, work).await??)
    }

    /// Reads the payment of an order.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Db`].
    pub async fn payment(&self, order: OrderId) -> Result<Payment, Error> {
        self.db.read(move |tx| store::payment(tx, order)?.ok_or(Error::NotFound)).await
    }

    /// Reads at most `limit` payments after an order and, where none is named, the balances of the whole ledger, in one
    /// snapshot.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn audit(&self, after: Option<OrderId>, limit: i64) -> Result<Audit, Error> {
        self.db.read(move |tx| audit(tx, after, limit)).await
    }

    /// The time, as exact as it is stored, so that a repeat answers the same.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// Gives the order's payment, and whether this call made it.
fn authorize(tx: &mut Tx<'_>, asked: &Payment, movement: Option<Movement>) -> Result<(Payment, bool), Error> {
    // Looks by writing: but for a repeat there is none.
    if store::insert_first(tx, asked, movement)? {
        return Ok((asked.clone(), true));
    }
    let found = store::payment_to_change(tx, asked.order)?.ok_or(madang_db::Error::Conflict)?;
    let content = |terms: &Terms| (terms.amount, terms.card);
    match (found.value.terms().map(content), asked.terms().map(content)) {
        (Some(known), Some(asked)) if known != asked => Err(Error::Reused),
        _ => Ok((found.value, false)),
    }
}

fn void(tx: &mut Tx<'_>, order: OrderId, at: Timestamp) -> Result<Payment, Error> {
    let Some(found) = store::payment_to_change(tx, order)? else {
        let tombstone = Payment::tombstone(order, at);
        store::insert(tx, &tombstone, None)?;
        return Ok(tombstone);
    };
    let changed = found.value.clone().void(at)?;
    write_change(tx, &found, changed).map(|(payment, _)| payment)
}

fn audit(tx: &mut Tx<'_>, after: Option<OrderId>, limit: i64) -> Result<Audit, Error> {
    // Once for all pages: each would read the whole ledger again.
    let balances = if after.is_none() { store::balances(tx)? } else { Vec::new() };
    let payments = store::page(tx, after, limit)?;
    let sums = match (payments.first(), payments.last()) {
        (Some(first), Some(last)) => store::sums(tx, first.order, last.order)?,
        _ => Default::default(),
    };
    let checked = |payment: Payment| {
        let agrees = payment.agrees_with(sums.get(&payment.order).map_or(&[], Vec::as_slice));
        (payment, agrees)
    };
    Ok(Audit { balances, payments: payments.into_iter().map(checked).collect() })
}

fn write_change(
    tx: &mut Tx<'_>,
    found: &Versioned<Payment>,
    (next, change): (Payment, Change),
) -> Result<(Payment, Change), Error> {
    if let Change::Applied(movement) = change {
        store::update(tx, &found.with(next.clone()), movement)?;
    }
    Ok((next, change))
}
