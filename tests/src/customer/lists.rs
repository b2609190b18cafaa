use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use madang_api::notifications::v1::{ListNotificationsRequest, Notification, NotificationKind};
use madang_api::orders::v1::{ListOrdersRequest, Order, OrderState};
use madang_api::within;
use tonic::Status;

use super::{CALL, Customer};
use crate::wait::{self, PATIENCE};

/// The most that a page has.
const PAGE: i32 = 200;

/// An order and what was told of it, as its number.
type Told = (String, i32);

/// What is listed for a customer, and what they were told.
impl Customer {
    /// All orders, newest first.
    ///
    /// # Errors
    /// The refusal.
    pub async fn list(&self) -> Result<Vec<Order>, Status> {
        let (mut orders, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListOrdersRequest { customer_id: self.id.clone(), page_size: PAGE, page_token };
            let page = self.orders.clone().list_orders(within(CALL, request)).await?.into_inner();
            orders.extend(page.orders);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(orders);
            }
        }
    }

    /// All that the customer was told, newest first.
    ///
    /// # Errors
    /// The refusal.
    pub async fn told(&self) -> Result<Vec<Notification>, Status> {
        let (mut told, mut page_token) = (Vec::new(), String::new());
        loop {
            let customer_id = self.id.clone();
            let request = ListNotificationsRequest { customer_id, page_size: PAGE, page_token };
            let page =
                self.notifications.clone().list_notifications(within(CALL, request)).await?.into_inner();
            told.extend(page.notifications);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(told);
            }
        }
    }

    /// Waits until the customer was told what they must be told of these orders, and demands that it was told once.
    ///
    /// # Errors
    /// What is missing or too much.
    pub async fn told_once_of(&self, orders: &[Order]) -> Result<()> {
        let expected: BTreeMap<Told, usize> = orders.iter().flat_map(expected).map(|it| (it, 1)).collect();
        let what = format!("{} to be told of {} orders", self.id, orders.len());
        let mut told = BTreeMap::new();
        let waited = wait::until(&what, PATIENCE, async || {
            told.clear();
            for it in self.told().await? {
                *told.entry((it.order_id, it.kind)).or_default() += 1;
            }
            Ok(expected.keys().all(|it| told.contains_key(it)).then_some(()))
        });
        let waited = waited.await;
        waited.with_context(|| format!("told {told:?}, expected {expected:?}"))?;
        // One that was cancelled may have been confirmed before.
        let cancelled = orders.iter().filter(|order| order.state() == OrderState::Cancelled);
        for order in cancelled {
            let before = (order.order_id.clone(), NotificationKind::OrderConfirmed.into());
            if told.get(&before) == Some(&1) {
                told.remove(&before);
            }
        }
        ensure!(told == expected, "told {told:?}, expected {expected:?}");
        Ok(())
    }
}

fn expected(order: &Order) -> Vec<Told> {
    let kinds: &[NotificationKind] = match order.state() {
        OrderState::Confirmed => &[NotificationKind::OrderConfirmed, NotificationKind::ShipmentDeparted],
        OrderState::Rejected => &[NotificationKind::OrderRejected],
        OrderState::Cancelled => &[NotificationKind::OrderCancelled],
        OrderState::Unspecified
        | OrderState::Pending
        | OrderState::Cancelling
        | OrderState::Rejecting
        | OrderState::Stuck => &[],
    };
    kinds.iter().map(|kind| (order.order_id.clone(), i32::from(*kind))).collect()
}
