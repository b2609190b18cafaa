//! The stories of orders.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::error;
use madang_api::notifications::v1::NotificationKind;
use madang_api::orders::v1::{CancelOrderRequest, Order, OrderState, PlaceOrderRequest};
use madang_api::within;
use madang_tests::customer::PLENTY;
use madang_tests::ids;
use madang_tests::wait;

use super::{CALL, Cast};

/// So long waits who will cancel before the order is through: less than a slow card takes.
const IMPATIENT: Duration = Duration::from_millis(500);
/// A product of which there are so many, and one more than that.
const RARE: &str = "bojagi-patchwork-ramie";
const TOO_MANY: i64 = 27;

/// A way that an order can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// It is confirmed, paid and sent.
    Bought,
    /// So it is, though the card's answer to the first authorization gets lost.
    AnswerLost,
    /// The card is declined once the stock is reserved: it is undone.
    Declined,
    /// There are not so many pieces.
    SoldOut,
    /// It is cancelled while it is PENDING.
    CancelledEarly,
    /// It is cancelled as soon as it is CONFIRMED, which the parcel's departure may forestall.
    Regretted,
    /// It is cancelled after the parcel departed: too late.
    CancelledLate,
}

impl Story {
    pub(crate) const ALL: [Self; 7] = [
        Self::Bought,
        Self::AnswerLost,
        Self::Declined,
        Self::SoldOut,
        Self::CancelledEarly,
        Self::Regretted,
        Self::CancelledLate,
    ];

    fn request(self, cast: &Cast) -> PlaceOrderRequest {
        let card_token = match self {
            Self::AnswerLost => "tok_lost_answer",
            Self::Declined => "tok_declined",
            Self::CancelledEarly => "tok_slow",
            Self::Bought | Self::SoldOut | Self::Regretted | Self::CancelledLate => "tok_visa",
        };
        let (product, pieces) = if self == Self::SoldOut { (RARE, TOO_MANY) } else { (PLENTY, 1) };
        PlaceOrderRequest { card_token: card_token.to_owned(), ..cast.customer.wants(product, pieces) }
    }
}

/// What a cancellation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    InTime,
    TooLate,
}

/// A story that was lived.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) story: Story,
    /// As the customer saw it last.
    pub(crate) order: Order,
    /// None where it was not asked for.
    pub(crate) cancelled: Option<Cancelled>,
}

impl Cast {
    /// Lives a story to its end, as the customer sees it.
    pub(super) async fn live(&self, story: Story) -> Result<Played> {
        let request = story.request(self);
        let order = if story == Story::CancelledEarly {
            let place = async || self.customer.place(IMPATIENT, request.clone()).await;
            self.answered("a slow order to be placed", place).await??
        } else {
            self.customer.complete(request).await?
        };
        let cancelled = match story {
            Story::Bought | Story::AnswerLost | Story::Declined | Story::SoldOut => None,
            Story::CancelledEarly | Story::Regretted => Some(self.cancel(&order.order_id).await?),
            Story::CancelledLate => {
                self.departed(&order).await?;
                Some(self.cancel(&order.order_id).await?)
            }
        };
        Ok(Played { story, order, cancelled })
    }

    /// Cancels until it is known what came of it, by one request_id.
    async fn cancel(&self, order_id: &str) -> Result<Cancelled> {
        let request = CancelOrderRequest { request_id: ids::uuid(), order_id: order_id.to_owned() };
        let what = format!("the cancellation of {order_id}");
        wait::until(&what, self.patience, async || {
            let cancel = async || {
                let answer = self.customer.orders.clone().cancel_order(within(CALL, request.clone())).await?;
                Ok(answer.into_inner().order)
            };
            match self.answered(&what, cancel).await? {
                Ok(order) => {
                    let state = order.context("no order")?.state();
                    // The answer may come before the end.
                    let under_way = [OrderState::Cancelling, OrderState::Cancelled].contains(&state);
                    ensure!(under_way, "the cancellation of {order_id} was told as {state:?}");
                    Ok((state == OrderState::Cancelled).then_some(Cancelled::InTime))
                }
                Err(status) => {
                    let reason = error::reason(&status);
                    ensure!(reason.as_deref() == Some("SHIPMENT_DEPARTED"), "{order_id}: {status}");
                    Ok(Some(Cancelled::TooLate))
                }
            }
        })
        .await
    }

    /// Waits until the customer was told that the parcel left.
    async fn departed(&self, order: &Order) -> Result<()> {
        wait::until("a parcel to depart", self.patience, async || {
            let told = self.answered("what was told", async || self.customer.told().await).await??;
            let departed = told.iter().any(|told| {
                told.order_id == order.order_id && told.kind() == NotificationKind::ShipmentDeparted
            });
            Ok(departed.then_some(()))
        })
        .await
    }
}
