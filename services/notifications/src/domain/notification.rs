use jiff::Timestamp;
use madang_types::{CustomerId, OrderId};
use uuid::Uuid;

use super::Text;

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The order is confirmed.
    OrderConfirmed,
    /// The order was refused.
    OrderRejected,
    /// The order was cancelled.
    OrderCancelled,
    /// The parcel is on its way.
    ShipmentDeparted,
    /// The payment could not be captured; the parcel waits.
    PaymentOutstanding,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::OrderConfirmed,
        Self::OrderRejected,
        Self::OrderCancelled,
        Self::ShipmentDeparted,
        Self::PaymentOutstanding,
    ];

    /// Its name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderConfirmed => "ORDER_CONFIRMED",
            Self::OrderRejected => "ORDER_REJECTED",
            Self::OrderCancelled => "ORDER_CANCELLED",
            Self::ShipmentDeparted => "SHIPMENT_DEPARTED",
            Self::PaymentOutstanding => "PAYMENT_OUTSTANDING",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Something that a customer was told once. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id: that of the event it tells of.
    pub id: Uuid,
    /// Who is told.
    pub customer: CustomerId,
    /// The order that it is about.
    pub order: OrderId,
    /// What it is about.
    pub kind: Kind,
    /// What is said.
    pub text: Text,
    /// When the event happened.
    pub created: Timestamp,
}
