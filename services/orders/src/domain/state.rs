use std::fmt;
use std::ops::Range;

use super::{SHIPMENT, STEPS};

/// Why an order was refused or cancelled: UPPER_SNAKE, a participant's or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The customer cancelled.
    pub const CANCELLED_BY_CUSTOMER: &str = "CANCELLED_BY_CUSTOMER";
    /// The order's own time was over before all steps were done.
    pub const ORDER_EXPIRED: &str = "ORDER_EXPIRED";
    /// The parcel of a cancelled order had left.
    pub const SHIPMENT_DEPARTED: &str = "SHIPMENT_DEPARTED";

    /// A reason by its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A way back, while its undos are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To REJECTED.
    Rejecting,
    /// To CANCELLED.
    Cancelling,
}

/// Where an order stands. All arcs:
///
/// ```text
/// PENDING -confirm-> CONFIRMED         PENDING -refuse-> REJECTING -settle-> REJECTED
/// PENDING | CONFIRMED -cancel-> CANCELLING -settle-> CANCELLED
/// CANCELLING (was confirmed) -departed-> CONFIRMED
/// REJECTING | CANCELLING -undo refused-> STUCK -resume-> REJECTING | CANCELLING
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its steps are under way.
    Pending,
    /// Past the pivot.
    Confirmed,
    /// Decided against; the undos of these steps are under way.
    Undoing {
        /// Where it leads.
        way: Way,
        /// Why.
        reason: Reason,
        /// The steps to undo, the last first.
        steps: Range<usize>,
    },
    /// Refused, and nothing is left of it.
    Rejected(Reason),
    /// Cancelled.
    Cancelled(Reason),
    /// An undo keeps failing; it waits for an operator.
    Stuck {
        /// Where it leads when it is resumed.
        way: Way,
        /// Why.
        reason: Reason,
        /// The steps to undo.
        steps: Range<usize>,
    },
}

/// Why an order cannot be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    /// It was refused, or is being refused.
    #[error("the order was rejected")]
    Rejected,
    /// It waits for an operator.
    #[error("the order is stuck")]
    Stuck,
}

impl State {
    /// Whether nothing more happens by itself. A confirmed order can still be cancelled.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Confirmed | Self::Rejected(_) | Self::Cancelled(_))
    }

    /// Why, where there is a reason.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Pending | Self::Confirmed => None,
            Self::Undoing { reason, .. } | Self::Stuck { reason, .. } => Some(reason),
            Self::Rejected(reason) | Self::Cancelled(reason) => Some(reason),
        }
    }

    /// The pivot. None where it is decided otherwise.
    pub fn confirm(&self) -> Option<Self> {
        (*self == Self::Pending).then_some(Self::Confirmed)
    }

    /// Decides against the order. None where it is decided already.
    pub fn refuse(&self, reason: Reason, steps: Range<usize>) -> Option<Self> {
        (*self == Self::Pending).then_some(Self::Undoing { way: Way::Rejecting, reason, steps })
    }

    /// The customer cancels. None where that is done or under way.
    ///
    /// # Errors
    /// [`CancelRefused`].
    pub fn cancel(&self) -> Result<Option<Self>, CancelRefused> {
        let back = |steps| {
            let reason = Reason::new(Reason::CANCELLED_BY_CUSTOMER);
            Ok(Some(Self::Undoing { way: Way::Cancelling, reason, steps }))
        };
        match self {
            Self::Pending => back(0..STEPS),
            Self::Confirmed => back(SHIPMENT..STEPS),
            Self::Undoing { way: Way::Cancelling, .. } | Self::Cancelled(_) => Ok(None),
            Self::Undoing { way: Way::Rejecting, .. } | Self::Rejected(_) => Err(CancelRefused::Rejected),
            Self::Stuck { .. } => Err(CancelRefused::Stuck),
        }
    }

    /// All undos are done. None where none were under way.
    pub fn settle(&self) -> Option<Self> {
        match self {
            Self::Undoing { way: Way::Rejecting, reason, .. } => Some(Self::Rejected(reason.clone())),
            Self::Undoing { way: Way::Cancelling, reason, .. } => Some(Self::Cancelled(reason.clone())),
            Self::Pending | Self::Confirmed | Self::Rejected(_) | Self::Cancelled(_) | Self::Stuck { .. } => {
                None
            }
        }
    }

    /// An undo cannot be done. A confirmed order whose parcel departed is confirmed again; any other is stuck.
    pub fn undo_refused(&self, refusal: Option<&str>) -> Option<Self> {
        let Self::Undoing { way, reason, steps } = self else { return None };
        let was_confirmed = *way == Way::Cancelling && steps.start == SHIPMENT;
        if was_confirmed && refusal == Some(Reason::SHIPMENT_DEPARTED) {
            return Some(Self::Confirmed);
        }
        Some(Self::Stuck { way: *way, reason: reason.clone(), steps: steps.clone() })
    }

    /// An operator sends a stuck order back to its undos. None where it is not stuck.
    pub fn resume(&self) -> Option<Self> {
        let Self::Stuck { way, reason, steps } = self else { return None };
        Some(Self::Undoing { way: *way, reason: reason.clone(), steps: steps.clone() })
    }
}
