use jiff::Timestamp;
use madang_types::{CustomerId, Money, MoneyError, OrderId};

use super::cards::{CardDigest, Decline};
use super::ledger::{Account, Entry, Movement};

/// What an order asked for. The card's token is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How much; more than zero.
    pub amount: Money,
    /// From which card.
    pub card: CardDigest,
    /// Who pays.
    pub customer: CustomerId,
}

/// Where a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The amount is held on the card.
    Authorized {
        /// What was asked for.
        terms: Terms,
    },
    /// The money is the shop's.
    Captured {
        /// What was asked for.
        terms: Terms,
        /// How much of it went back: less than all.
        refunded: Money,
    },
    /// The amount was let go. Without terms it is a tombstone: the undo came before the step.
    Voided {
        /// What was asked for.
        terms: Option<Terms>,
    },
    /// All captured money went back.
    Refunded {
        /// What was asked for.
        terms: Terms,
    },
    /// The card was refused. Kept, so that a repeat gets the same answer.
    Declined {
        /// What was asked for.
        terms: Terms,
        /// Why.
        reason: Decline,
    },
}

/// The money of one order. All arcs, each with the movement it makes:
///
/// ```text
/// (none)     -authorize-> Authorized  customer -> held      Captured -refund, of a part-> Captured  shop -> customer
/// (none)     -authorize-> Declined                          Captured -refund, cancel----> Refunded  shop -> customer
/// (none)     -void, cancel-> Voided (a tombstone)
/// Authorized -void, cancel-> Voided   held -> customer
/// Authorized -capture----> Captured   held -> shop
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
    /// When it last changed.
    pub updated: Timestamp,
}

/// Whether a command changed anything. A repeat is a value, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did, and moved this money.
    Applied(Movement),
    /// It was done before, or there was nothing left to do.
    AlreadyApplied,
}

/// Why a payment cannot do what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Captured money is not let go; it is refunded.
    #[error("the payment is captured")]
    Captured,
    /// Nothing is held that could be captured.
    #[error("the payment is not authorized")]
    NotAuthorized,
    /// Nothing was captured that could go back.
    #[error("the payment is not captured")]
    NotCaptured,
    /// More would go back than is left.
    #[error("the refund exceeds what is left of the captured amount")]
    ExceedsCapture,
    /// There is no payment of the order.
    #[error("the order has no payment")]
    NotFound,
    /// The amount is in another currency than the payment.
    #[error("must be the payment's currency")]
    OtherCurrency,
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::Captured,
        Self::NotAuthorized,
        Self::NotCaptured,
        Self::ExceedsCapture,
        Self::NotFound,
        Self::OtherCurrency,
    ];

    /// The error reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Captured => "PAYMENT_CAPTURED",
            Self::NotAuthorized => "PAYMENT_NOT_AUTHORIZED",
            Self::NotCaptured => "PAYMENT_NOT_CAPTURED",
            Self::ExceedsCapture => "REFUND_EXCEEDS_CAPTURE",
            Self::NotFound => "PAYMENT_NOT_FOUND",
            Self::OtherCurrency => "INVALID_REQUEST",
        }
    }

    /// The refusal with this reason.
    pub fn named(reason: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.reason().as_bytes() == reason)
    }
}

impl From<MoneyError> for Refusal {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::MixedCurrencies(..) | MoneyError::NotACurrency => Self::OtherCurrency,
            MoneyError::Negative | MoneyError::Overflow => Self::ExceedsCapture,
        }
    }
}

impl Payment {
    /// Holds the amount, where the card covers it; gives the movement then.
    pub fn authorize(
        order: OrderId,
        terms: Terms,
        decline: Option<Decline>,
        at: Timestamp,
    ) -> (Self, Option<Movement>) {
        let amount = terms.amount;
        let (state, movement) = match decline {
            None => {
                let movement = Movement { from: Account::Customer, to: Account::Held, amount };
                (State::Authorized { terms }, Some(movement))
            }
            Some(reason) => (State::Declined { terms, reason }, None),
        };
        (Self { order, state, updated: at }, movement)
    }

    /// What is left where the undo comes before the step.
    pub fn tombstone(order: OrderId, at: Timestamp) -> Self {
        Self { order, state: State::Voided { terms: None }, updated: at }
    }

    /// What was asked for; a tombstone has none.
    pub fn terms(&self) -> Option<&Terms> {
        match &self.state {
            State::Authorized { terms }
            | State::Captured { terms, .. }
            | State::Refunded { terms }
            | State::Declined { terms, .. } => Some(terms),
            State::Voided { terms } => terms.as_ref(),
        }
    }

    /// How much went back after the capture; none for a tombstone, which has no currency.
    pub fn refunded(&self) -> Option<Money> {
        match &self.state {
            State::Captured { refunded, .. } => Some(*refunded),
            State::Refunded { terms } => Some(terms.amount),
            State::Authorized { .. } | State::Voided { .. } | State::Declined { .. } => {
                self.terms().map(|terms| Money::zero(terms.amount.currency()))
            }
        }
    }

    /// Lets the held amount go. A declined payment stays as it is.
    ///
    /// # Errors
    /// [`Refusal::Captured`], also when all went back since.
    pub fn void(self, at: Timestamp) -> Result<(Self, Change), Refusal> {
        match self.state {
            State::Authorized { terms } => {
                let movement = Movement { from: Account::Held, to: Account::Customer, amount: terms.amount };
                Ok(Self::moved(self.order, State::Voided { terms: Some(terms) }, movement, at))
            }
            State::Voided { .. } | State::Declined { .. } => Ok((self, Change::AlreadyApplied)),
            State::Captured { .. } | State::Refunded { .. } => Err(Refusal::Captured),
        }
    }

    /// Takes the held amount. One that was captured and went back stays so.
    ///
    /// # Errors
    /// [`Refusal::NotAuthorized`].
    pub fn capture(self, at: Timestamp) -> Result<(Self, Change), Refusal> {
        match self.state {
            State::Authorized { terms } => {
                let movement = Movement { from: Account::Held, to: Account::Shop, amount: terms.amount };
                let refunded = Money::zero(terms.amount.currency());
                Ok(Self::moved(self.order, State::Captured { terms, refunded }, movement, at))
            }
            State::Captured { .. } | State::Refunded { .. } => Ok((self, Change::AlreadyApplied)),
            State::Voided { .. } | State::Declined { .. } => Err(Refusal::NotAuthorized),
        }
    }

    /// Gives captured money back: an amount of more than zero, or all that is left.
    ///
    /// # Errors
    /// [`Refusal::NotCaptured`], [`Refusal::ExceedsCapture`], [`Refusal::OtherCurrency`].
    pub fn refund(self, amount: Option<Money>, at: Timestamp) -> Result<(Self, Change), Refusal> {
        let (terms, refunded) = match &self.state {
            State::Captured { terms, refunded } => (terms.clone(), *refunded),
            State::Refunded { terms } => (terms.clone(), terms.amount),
            State::Authorized { .. } | State::Voided { .. } | State::Declined { .. } => {
                return Err(Refusal::NotCaptured);
            }
        };
        let left = terms.amount.minus(refunded)?;
        let back = amount.unwrap_or(left);
        let rest = left.minus(back)?;
        if back.minor_units() == 0 {
            return Ok((self, Change::AlreadyApplied));
        }
        let movement = Movement { from: Account::Shop, to: Account::Customer, amount: back };
        let state = match rest.minor_units() {
            0 => State::Refunded { terms },
            _ => State::Captured { terms, refunded: refunded.plus(back)? },
        };
        Ok(Self::moved(self.order, state, movement, at))
    }

    /// The order was cancelled: what is held is let go, what is left of a capture goes back.
    ///
    /// # Errors
    /// None of a sound payment: there is always a way back.
    pub fn cancel(self, at: Timestamp) -> Result<(Self, Change), Refusal> {
        match self.state {
            State::Authorized { .. } => self.void(at),
            State::Captured { .. } => self.refund(None, at),
            State::Voided { .. } | State::Refunded { .. } | State::Declined { .. } => {
                Ok((self, Change::AlreadyApplied))
            }
        }
    }

    /// Whether the sums of its own ledger entries are what its state says.
    pub fn agrees_with(&self, sums: &[Entry]) -> bool {
        let mut expected: Vec<Entry> =
            self.stands_for().map(Movement::entries).into_iter().flatten().collect();
        let mut found: Vec<Entry> = sums.iter().copied().filter(|sum| sum.minor_units != 0).collect();
        expected.sort();
        found.sort();
        expected == found
    }

    fn moved(order: OrderId, state: State, movement: Movement, at: Timestamp) -> (Self, Change) {
        (Self { order, state, updated: at }, Change::Applied(movement))
    }

    /// The one movement that all its movements together amount to; none where all went back.
    fn stands_for(&self) -> Option<Movement> {
        let (to, amount) = match &self.state {
            State::Authorized { terms } => (Account::Held, terms.amount),
            State::Captured { terms, refunded } => (Account::Shop, terms.amount.minus(*refunded).ok()?),
            State::Voided { .. } | State::Refunded { .. } | State::Declined { .. } => return None,
        };
        Some(Movement { from: Account::Customer, to, amount })
    }
}
