//! What the events of orders, payments and shipping tell customers.

use madang_api::Violations;
use madang_api::convert::money;
use madang_api::events::v1::{
    OrderCancelled, OrderConfirmed, OrderRejected, PaymentOutstanding, ShipmentDeparted,
};
use madang_db::Tx;
use madang_events::{Event, Failure, Handler, Outcome};

use crate::app;
use crate::domain::{Change, News, Notification};

/// Applies the events of all three producers: a type has one producer, so its name says enough.
#[derive(Debug, Clone, Copy)]
pub struct ShopEvents;

impl Handler for ShopEvents {
    fn apply(&self, tx: &mut Tx<'_>, event: &Event) -> Result<Outcome, Failure> {
        let Some((customer, news)) = news(event)? else { return Ok(Outcome::Ignored) };
        let notification = Notification {
            id: event.id,
            customer: customer.parse().map_err(|error| unreadable(format!("customer_id {error}")))?,
            // The key of every event about an order is the order's id.
            order: event.key.parse().map_err(|error| unreadable(format!("the key is no order: {error}")))?,
            kind: news.kind(),
            text: news.text(),
            created: event.occur_time,
        };
        match app::tell(tx, &notification)? {
            Change::Applied => Ok(Outcome::Applied),
            Change::AlreadyApplied => Ok(Outcome::AlreadyApplied),
        }
    }
}

/// Whom an event concerns, and what it tells them; none for an event that tells nobody anything.
fn news(event: &Event) -> Result<Option<(String, News)>, Failure> {
    let told = if event.is::<OrderConfirmed>() {
        let OrderConfirmed { customer_id, total, .. } = event.decode()?;
        let total = money(&mut Violations::default(), "total", total.as_ref());
        let total = total.ok_or_else(|| unreadable("total is no amount of money".to_owned()))?;
        (customer_id, News::OrderConfirmed { total })
    } else if event.is::<OrderRejected>() {
        let OrderRejected { customer_id, reason, .. } = event.decode()?;
        (customer_id, News::OrderRejected { reason })
    } else if event.is::<OrderCancelled>() {
        let OrderCancelled { customer_id, reason, .. } = event.decode()?;
        (customer_id, News::OrderCancelled { reason })
    } else if event.is::<ShipmentDeparted>() {
        let ShipmentDeparted { customer_id, tracking_number, .. } = event.decode()?;
        (customer_id, News::ShipmentDeparted { tracking_number })
    } else if event.is::<PaymentOutstanding>() {
        (event.decode::<PaymentOutstanding>()?.customer_id, News::PaymentOutstanding)
    } else {
        return Ok(None);
    };
    Ok(Some(told))
}

fn unreadable(detail: String) -> Failure {
    Failure::Permanent { reason: "EVENT_UNREADABLE", detail }
}
