use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use madang_api::error;
use madang_api::orders::v1::{OrderState, PlaceOrderRequest};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;

use super::{Behaviour, Tally};
use crate::customer::{Customer, PLENTY, is_lost};
use crate::random::Random;
use crate::wait;

/// The pause before a call that was lost is made again.
const AGAIN: Duration = Duration::from_millis(50);
/// The slow one waits a second at the bank; the answer of the lost one is lost once.
const CARDS: [&str; 8] = [
    "tok_visa",
    "tok_visa",
    "tok_visa",
    "tok_visa",
    "tok_slow",
    "tok_lost_answer",
    "tok_declined",
    "tok_insufficient_funds",
];

/// One client of a load.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) customer: Customer,
    /// How many orders were asked for.
    pub(super) sent: usize,
    /// The last one, where it was not answered.
    unanswered: Option<PlaceOrderRequest>,
    /// The orders whose id was answered.
    pub(super) acknowledged: BTreeSet<String>,
    /// Calls that asked again.
    pub(super) repeats: u64,
    random: Random,
    behaviour: Behaviour,
    tally: Arc<Tally>,
}

impl Client {
    pub(super) fn new(customer: Customer, random: Random, behaviour: Behaviour, tally: Arc<Tally>) -> Self {
        let (unanswered, acknowledged) = (None, BTreeSet::new());
        Self { customer, sent: 0, unanswered, acknowledged, repeats: 0, random, behaviour, tally }
    }

    /// Places orders, one after the other, until it is told to stop.
    pub(super) async fn run(mut self, stopped: watch::Receiver<bool>) -> Self {
        let mut pause = interval(self.behaviour.pause);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*stopped.borrow() {
            pause.tick().await;
            let request = self.draw();
            self.sent += 1;
            let Some(order_id) = self.ask(&request, &stopped).await else {
                self.unanswered = Some(request);
                break;
            };
            if self.behaviour.moody && self.random.percent(20) {
                // Whether it comes in time is left to chance, and so is its answer.
                let cancelled = self.customer.cancel(self.behaviour.patience, &order_id).await;
                cancelled.map_or_else(|status| self.note(&status), drop);
            }
        }
        self
    }

    /// After the load: asks for the answer that is missing, and waits until all orders are final.
    pub(super) async fn finish(&mut self) -> Result<()> {
        if let Some(request) = self.unanswered.take() {
            self.customer.complete(request).await?;
        }
        let what = format!("the orders of {} to be final", self.customer.id);
        wait::until(&what, wait::PATIENCE, async || {
            let orders = self.customer.list().await?;
            Ok(orders.iter().all(|order| is_final(order.state())).then_some(()))
        })
        .await
    }

    /// Asks until an order is named. None where it is told to stop before.
    async fn ask(&mut self, request: &PlaceOrderRequest, stopped: &watch::Receiver<bool>) -> Option<String> {
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            again.tick().await;
            match self.customer.place(self.behaviour.patience, request.clone()).await {
                Ok(order) => {
                    self.acknowledged.insert(order.order_id.clone());
                    self.tally.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return Some(order.order_id);
                }
                Err(status) => self.note(&status),
            }
            if *stopped.borrow() {
                return None;
            }
            self.repeats += 1;
        }
    }

    fn draw(&mut self) -> PlaceOrderRequest {
        let mut request = self.customer.wants(PLENTY, 1);
        if self.behaviour.moody {
            request.card_token = (*self.random.one_of(&CARDS)).to_owned();
        }
        request
    }

    fn note(&self, status: &Status) {
        let reason = error::reason(status).unwrap_or_else(|| "without a reason".to_owned());
        let told = if is_lost(status) { "lost" } else { "refused" };
        if let Ok(mut errors) = self.tally.errors.lock() {
            *errors.entry(format!("{told} {:?} {reason}", status.code())).or_default() += 1;
        }
    }
}

/// Whether an order is as it should be at the end: one that is stuck is not.
pub(super) fn is_final(state: OrderState) -> bool {
    matches!(state, OrderState::Confirmed | OrderState::Rejected | OrderState::Cancelled)
}
