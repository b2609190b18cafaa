use std::fmt;

use jiff::{SignedDuration, Timestamp};
use madang_types::{Address, CustomerId, Money, OrderId, ProductId, Quantity};

use super::State;

/// A card's token. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CardToken(String);

impl CardToken {
    /// A token of 1 to 128 printable ASCII characters without blanks; none otherwise.
    pub fn new(text: String) -> Option<Self> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (printable && (1..=128).contains(&text.len())).then_some(Self(text))
    }

    /// The token itself: for the card's network and the store, not for logs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardToken(hidden)")
    }
}

/// One line, with the price it was ordered at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub product: ProductId,
    /// How many.
    pub quantity: Quantity,
    /// The price of one.
    pub unit_price: Money,
}

/// An order, from the moment it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id; also the key of all its steps and events.
    pub id: OrderId,
    /// Who ordered.
    pub customer: CustomerId,
    /// What.
    pub lines: Vec<Line>,
    /// The price of the parcel.
    pub shipping_price: Money,
    /// Everything together.
    pub total: Money,
    /// The weight of the parcel, in grams.
    pub weight_grams: i64,
    /// Where it goes.
    pub address: Address,
    /// With what it is paid; none once it is final.
    pub card: Option<CardToken>,
    /// Where it stands.
    pub state: State,
    /// When it was accepted.
    pub created: Timestamp,
    /// When its state last changed.
    pub updated: Timestamp,
    /// Guards its next update: 1 at first, one more with each.
    pub version: i64,
    /// The call that asked for it, as a W3C traceparent: whoever takes it up again goes on in that trace. May be empty.
    pub traceparent: String,
}

impl Order {
    /// How long an order may take until its steps are done.
    pub const TIME_TO_CONFIRM: SignedDuration = SignedDuration::from_mins(15);

    /// Whether its time to be confirmed is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.created) > Self::TIME_TO_CONFIRM
    }

    /// The order in its next state. A final order forgets the card.
    pub fn moved(&self, state: State, now: Timestamp) -> Self {
        let card = self.card.clone().filter(|_| !state.is_final());
        Self { state, card, updated: now, version: self.version + 1, ..self.clone() }
    }
}
