//! An order as Restate keeps it: the columns of the shop's own.

use madang_api::orders::v1::{Order as Told, OrderLine, OrderState, PlaceOrderRequest};
use madang_api::types::v1::{Address as ToldAddress, Money, ProductQuantity};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What a piece costs, and its parcel, and what it weighs; there is nobody to ask, and that is in Restate's favour.
const PRICE: i64 = 28_000;
const PARCEL: i64 = 3_000;
pub(crate) const WEIGHT: i64 = 500;

/// The key of an order's state in Restate.
pub(crate) const ORDER: &str = "order";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Pending,
    Confirmed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    pub(crate) state: State,
    pub(crate) lines: Vec<Line>,
    pub(crate) currency: String,
    pub(crate) shipping_price: i64,
    pub(crate) total: i64,
    pub(crate) address: Address,
    /// Gone when it is confirmed.
    pub(crate) card_token: Option<String>,
    /// In microseconds since 1970.
    placed_at: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
    pub(crate) price: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    region: String,
    postal_code: String,
    recipient: String,
    lines: Vec<String>,
}

impl Order {
    /// A new one. Its id is that of the request, which saves Restate an index of them.
    pub(crate) fn placed(request: PlaceOrderRequest, placed_at: i64) -> Self {
        let line = |product_id, quantity| Line { product_id, quantity, price: PRICE };
        let address = request.address.unwrap_or_default();
        Self {
            order_id: request.request_id,
            customer_id: request.customer_id,
            state: State::Pending,
            lines: request.lines.into_iter().map(|it| line(it.product_id, it.quantity)).collect(),
            currency: "KRW".to_owned(),
            shipping_price: PARCEL,
            total: PRICE + PARCEL,
            address: Address {
                region: address.region_code,
                postal_code: address.postal_code,
                recipient: address.recipient,
                lines: address.address_lines,
            },
            card_token: Some(request.card_token),
            placed_at,
        }
    }

    /// The same at its end.
    pub(crate) fn confirmed(self) -> Self {
        Self { state: State::Confirmed, card_token: None, ..self }
    }

    /// What is ordered.
    pub(crate) fn quantities(&self) -> Vec<ProductQuantity> {
        let line = |it: &Line| ProductQuantity { product_id: it.product_id.clone(), quantity: it.quantity };
        self.lines.iter().map(line).collect()
    }

    /// Some money of its currency.
    pub(crate) fn money(&self, minor_units: i64) -> Option<Money> {
        Some(Money { minor_units, currency_code: self.currency.clone() })
    }

    /// As the shop's contract has it.
    pub(crate) fn told(self) -> Told {
        let nanos = i32::try_from(self.placed_at % 1_000_000 * 1_000).unwrap_or_default();
        let time = Some(Timestamp { seconds: self.placed_at / 1_000_000, nanos });
        let lines = self.lines.iter().map(|it| OrderLine {
            product_id: it.product_id.clone(),
            quantity: it.quantity,
            unit_price: self.money(it.price),
        });
        let state = match self.state {
            State::Pending => OrderState::Pending,
            State::Confirmed => OrderState::Confirmed,
        };
        Told {
            lines: lines.collect(),
            state: state.into(),
            reason: String::new(),
            shipping_price: self.money(self.shipping_price),
            total: self.money(self.total),
            order_id: self.order_id,
            customer_id: self.customer_id,
            address: Some(self.address.told()),
            create_time: time,
            update_time: time,
        }
    }
}

impl Address {
    /// As the shop's contract has it.
    pub(crate) fn told(self) -> ToldAddress {
        ToldAddress {
            region_code: self.region,
            postal_code: self.postal_code,
            recipient: self.recipient,
            address_lines: self.lines,
        }
    }
}
