use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

const PREFIX: &str = "MD";
const DIGITS: u32 = 12;
/// Crockford's base 32: no I, L, O and U, so that a number is read aloud without a mistake.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The carrier's number of a parcel: `MD` and 12 characters of Crockford's base 32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingNumber(String);

/// A text that is no tracking number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {PREFIX} and {DIGITS} characters of Crockford's base 32")]
pub struct TrackingNumberError;

impl TrackingNumber {
    /// The number made of the random end of a UUID, 60 bits.
    pub fn new(id: Uuid) -> Self {
        let (_, random) = id.as_u64_pair();
        let digit = |place| char::from(ALPHABET[((random >> (5 * place)) & 31) as usize]);
        Self(PREFIX.chars().chain((0..DIGITS).rev().map(digit)).collect())
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrackingNumber {
    type Err = TrackingNumberError;

    fn from_str(text: &str) -> Result<Self, TrackingNumberError> {
        let digits = text.strip_prefix(PREFIX).ok_or(TrackingNumberError)?;
        let valid = digits.len() == DIGITS as usize && digits.bytes().all(|digit| ALPHABET.contains(&digit));
        if valid { Ok(Self(text.to_owned())) } else { Err(TrackingNumberError) }
    }
}

impl fmt::Display for TrackingNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened to a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Booked.
    Arranged,
    /// Left the shop.
    Departed,
    /// Passed the carrier's hub.
    InTransit,
    /// On the last van.
    OutForDelivery,
    /// Handed over.
    Delivered,
    /// Cancelled before it departed, or never booked.
    Cancelled,
}

/// One step of a parcel's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub kind: StepKind,
    /// When.
    pub at: Timestamp,
}

impl Step {
    /// Whether it has happened by now. What the shop itself recorded has, even where the clock stepped back since.
    pub fn has_happened(&self, now: Timestamp) -> bool {
        match self.kind {
            StepKind::Arranged | StepKind::Departed | StepKind::Cancelled => true,
            StepKind::InTransit | StepKind::OutForDelivery | StepKind::Delivered => self.at <= now,
        }
    }

    /// Whether nothing follows it.
    pub fn is_last(&self) -> bool {
        match self.kind {
            StepKind::Delivered | StepKind::Cancelled => true,
            StepKind::Arranged | StepKind::Departed | StepKind::InTransit | StepKind::OutForDelivery => false,
        }
    }
}

/// The steps of a parcel that left the shop, those to come as well: at thirds of the time that its way takes.
pub(super) fn way(departed: Timestamp, transit_time: SignedDuration) -> [Step; 4] {
    let third = |thirds: i32| departed.saturating_add(transit_time / 3 * thirds).unwrap_or(Timestamp::MAX);
    let whole = departed.saturating_add(transit_time).unwrap_or(Timestamp::MAX);
    [
        Step { kind: StepKind::Departed, at: departed },
        Step { kind: StepKind::InTransit, at: third(1) },
        Step { kind: StepKind::OutForDelivery, at: third(2) },
        Step { kind: StepKind::Delivered, at: whole },
    ]
}
