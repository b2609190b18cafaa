use madang_types::Money;

use super::{Kind, Text, reason};

/// What happened to an order, as far as its customer cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The order is confirmed.
    OrderConfirmed {
        /// Everything together.
        total: Money,
    },
    /// The order was refused.
    OrderRejected {
        /// Why, as an error reason.
        reason: String,
    },
    /// The order was cancelled.
    OrderCancelled {
        /// Why, as an error reason.
        reason: String,
    },
    /// The parcel is on its way.
    ShipmentDeparted {
        /// The carrier's number.
        tracking_number: String,
    },
    /// The payment could not be captured; the parcel waits.
    PaymentOutstanding,
}

impl News {
    /// What kind of news it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::OrderConfirmed { .. } => Kind::OrderConfirmed,
            Self::OrderRejected { .. } => Kind::OrderRejected,
            Self::OrderCancelled { .. } => Kind::OrderCancelled,
            Self::ShipmentDeparted { .. } => Kind::ShipmentDeparted,
            Self::PaymentOutstanding => Kind::PaymentOutstanding,
        }
    }

    /// How it is told.
    pub fn text(&self) -> Text {
        let (en, ko) = match self {
            Self::OrderConfirmed { total } => (
                format!("Your order is confirmed. The total is {total}."),
                format!("주문이 확정되었습니다. 총 금액은 {total}입니다."),
            ),
            Self::OrderRejected { reason } => {
                let [en, ko] = reason::sentence(reason);
                (
                    format!("Your order was not accepted. {en} You have not been charged."),
                    format!("주문이 접수되지 않았습니다. {ko} 결제된 금액은 없습니다."),
                )
            }
            Self::OrderCancelled { reason } => {
                let [en, ko] = reason::sentence(reason);
                (
                    format!("Your order was cancelled. {en} Whatever you paid goes back to you."),
                    format!("주문이 취소되었습니다. {ko} 결제하신 금액은 환불됩니다."),
                )
            }
            Self::ShipmentDeparted { tracking_number } => (
                format!("Your parcel is on its way. Its tracking number is {tracking_number}."),
                format!("상품이 발송되었습니다. 운송장 번호는 {tracking_number}입니다."),
            ),
            Self::PaymentOutstanding => (
                "The payment for your order could not be collected. Your parcel waits until it is."
                    .to_owned(),
                "주문하신 상품의 결제가 완료되지 않았습니다. 결제가 확인되면 상품을 발송합니다.".to_owned(),
            ),
        };
        Text { en, ko }
    }
}
