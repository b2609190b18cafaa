//! Messages of proto/ and words of the domain, one into the other.

use madang_api::convert::timestamp;
use madang_api::notifications::v1;

use crate::domain::{Kind, Notification};
use crate::store::Told;

impl From<Kind> for v1::NotificationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::OrderConfirmed => Self::OrderConfirmed,
            Kind::OrderRejected => Self::OrderRejected,
            Kind::OrderCancelled => Self::OrderCancelled,
            Kind::ShipmentDeparted => Self::ShipmentDeparted,
            Kind::PaymentOutstanding => Self::PaymentOutstanding,
        }
    }
}

impl From<&Notification> for v1::Notification {
    fn from(notification: &Notification) -> Self {
        Self {
            notification_id: notification.id.hyphenated().to_string(),
            customer_id: notification.customer.to_string(),
            order_id: notification.order.to_string(),
            kind: v1::NotificationKind::from(notification.kind).into(),
            text_en: notification.text.en.clone(),
            text_ko: notification.text.ko.clone(),
            create_time: Some(timestamp(notification.created)),
        }
    }
}

/// The key of a row in the list: its time and place.
pub(super) fn key(told: &Told) -> Vec<u8> {
    [told.notification.created.as_microsecond(), told.place].map(i64::to_be_bytes).concat()
}

/// Reads what [`key`] wrote.
pub(super) fn read_key(bytes: &[u8]) -> Option<(i64, i64)> {
    let (created_at, place) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*created_at), i64::from_be_bytes(place.try_into().ok()?)))
}
