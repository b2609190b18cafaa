//! Clients that place orders until they are told to stop, and keep a list of what they were answered.
//!
//! Each asks again with the same request_id where an answer is lost, as a client does. At the end everything that was sent is
//! held against the shop: an acknowledged order exists and is final, a request gave one order, the customer was told once, the
//! books are in order.

mod client;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use madang_api::inventory::v1::RestockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::Order;
use madang_api::within;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::customer::{CALL, Customer, PLENTY};
use crate::random::Random;
use crate::wait::{self, PATIENCE};
use crate::{Service, Settings, Shop, audit, ids};

use client::Client;

/// What a shop needs to bear a load from one address.
pub const UNLIMITED: &Settings<'static> =
    &[(Service::Gateway, "MADANG_RATE_LIMIT", "100000"), (Service::Gateway, "MADANG_RATE_BURST", "100000")];
/// Enough for every run.
const STOCK: i64 = 1_000_000;

/// How clients behave.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// How many there are, each with a connection of its own.
    pub clients: u64,
    /// The pause of each between two orders.
    pub pause: Duration,
    /// How long each waits for an answer before it asks again.
    pub patience: Duration,
    /// The seed of what they do.
    pub seed: u64,
    /// Whether some pay with cards that fail, are slow or lose the answer, and some cancel.
    pub moody: bool,
}

impl Behaviour {
    /// A handful of clients that do all that clients do.
    pub fn moody(seed: u64) -> Self {
        let (pause, patience) = (Duration::from_millis(20), Duration::from_secs(3));
        Self { clients: 6, pause, patience, seed, moody: true }
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    tally: Arc<Tally>,
    clients: JoinSet<Client>,
}

/// What all clients have seen so far.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: AtomicU64,
    errors: std::sync::Mutex<BTreeMap<String, u64>>,
}

/// What became of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Orders that were asked for, each with a request_id of its own.
    pub requests: usize,
    /// Calls that repeated one.
    pub repeats: u64,
    /// Orders whose id was answered while the load ran.
    pub acknowledged: usize,
    /// How many orders ended in each state.
    pub states: BTreeMap<&'static str, usize>,
    /// How many calls ended in each error.
    pub errors: BTreeMap<String, u64>,
}

impl Load {
    /// Sends clients into a shop, which has stock enough for them.
    ///
    /// # Errors
    /// Where the shop cannot be restocked.
    pub async fn start(shop: &Shop, behaviour: Behaviour) -> Result<Self> {
        restock(shop).await?;
        let (stop, stopped) = watch::channel(false);
        let mut load = Self { stop, tally: Arc::default(), clients: JoinSet::new() };
        for number in 0..behaviour.clients {
            let random = Random::new(behaviour.seed, number);
            let customer = Customer::new(shop, "client");
            let client = Client::new(customer, random, behaviour, Arc::clone(&load.tally));
            load.clients.spawn(client.run(stopped.clone()));
        }
        Ok(load)
    }

    /// Waits until so many more orders were acknowledged.
    ///
    /// # Errors
    /// Where they are not in time.
    pub async fn progress(&self, orders: u64) -> Result<()> {
        let seen = || self.tally.acknowledged.load(Ordering::Relaxed);
        let goal = seen() + orders;
        let what = format!("{orders} more orders; errors so far: {:?}", self.errors());
        wait::until(&what, PATIENCE, async || Ok((seen() >= goal).then_some(()))).await
    }

    /// How many orders were acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.tally.acknowledged.load(Ordering::Relaxed)
    }

    /// How many calls ended in each error so far.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.tally.errors.lock().map(|errors| errors.clone()).unwrap_or_default()
    }

    /// Stops the clients and holds all they did against the shop, which must be whole again.
    ///
    /// # Errors
    /// What was lost or done twice.
    pub async fn settle(mut self, shop: &Shop) -> Result<Outcome> {
        self.stop.send_replace(true);
        let mut outcome = Outcome { errors: self.errors(), ..Outcome::default() };
        let mut clients = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            clients.push(client.context("a client panicked")?);
        }
        for client in &mut clients {
            client.finish().await?;
            outcome.requests += client.sent;
            outcome.repeats += client.repeats;
            outcome.acknowledged += client.acknowledged.len();
        }
        let mut orders = Vec::new();
        for client in &clients {
            orders.push(orders_of(client).await?);
        }
        audit::clean(shop).await?;
        for (client, orders) in clients.iter().zip(orders) {
            client.customer.told_once_of(&orders).await?;
            orders.iter().for_each(|order| outcome.count(order));
        }
        Ok(outcome)
    }
}

impl Outcome {
    fn count(&mut self, order: &Order) {
        let state = order.state().as_str_name().trim_start_matches("ORDER_STATE_");
        *self.states.entry(state).or_default() += 1;
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, repeats, acknowledged, states, errors } = self;
        write!(
            f,
            "{requests} orders asked for, {repeats} calls repeated, {acknowledged} acknowledged under load; "
        )?;
        write!(f, "ended as {states:?}; errors on the way: {errors:?}")
    }
}

/// The orders of a client: each request gave one, and none of those is missing or open.
async fn orders_of(client: &Client) -> Result<Vec<Order>> {
    let orders = client.customer.list().await?;
    let found: BTreeSet<&str> = orders.iter().map(|order| order.order_id.as_str()).collect();
    let lost: Vec<_> = client.acknowledged.iter().filter(|id| !found.contains(id.as_str())).collect();
    ensure!(lost.is_empty(), "{}: acknowledged orders are lost: {lost:?}", client.customer.id);
    let (asked, got) = (client.sent, orders.len());
    ensure!(asked == got, "{}: {asked} requests gave {got} orders", client.customer.id);
    let open: Vec<_> = orders.iter().filter(|order| !client::is_final(order.state())).collect();
    ensure!(open.is_empty(), "{}: not final: {open:?}", client.customer.id);
    Ok(orders)
}

/// Brings stock that is enough for any run.
///
/// # Errors
/// Where inventory refuses.
pub async fn restock(shop: &Shop) -> Result<()> {
    let request = RestockRequest { request_id: ids::uuid(), product_id: PLENTY.to_owned(), quantity: STOCK };
    let request = within(CALL, request);
    InventoryServiceClient::new(shop.channel(Service::Inventory)).restock(request).await?;
    Ok(())
}
