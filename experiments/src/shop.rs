//! What experiments do with a shop as its customers and its operators do.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use futures::future::join_all;
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, SetFaultRequest};
use madang_api::inventory::v1::RestockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::PlaceOrderRequest;
use madang_api::types::v1::{Address, ProductQuantity};
use madang_api::within;
use madang_load::{Choice, Load, Mix, Orders, Report, Schedule, Settings};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::outcome::ms;
use crate::{Limit, Phase, Trial, World};

/// The product that is ordered: small, so that a parcel bears it.
pub(crate) const PRODUCT: &str = "celadon-tea-cup";
const PIECES: i64 = 1_000_000;
/// How long a call may take where nothing else is said.
pub(crate) const USUAL: Duration = Duration::from_secs(5);
/// How long orders may take to come to their end after a load, unless that is what is measured.
const PATIENCE: Duration = Duration::from_secs(30);
/// A customer does not notice less; where visits were slow before, they may be so again, by the noise of a busy machine.
const SLOW: Duration = Duration::from_millis(250);
const NOISE: u32 = 3;
/// A fault ends by itself, whatever becomes of who set it.
const TTL: i64 = 60;

/// A load on the shop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) title: &'static str,
    pub(crate) phase: Phase,
    /// Such as `order=1,browse=9`.
    pub(crate) mix: &'static str,
    /// Calls a second.
    pub(crate) rate: f64,
    pub(crate) duration: Duration,
    /// How often a call that ends in UNAVAILABLE is sent again, with the same key.
    pub(crate) retries: u32,
    /// How long a call may take.
    pub(crate) deadline: Duration,
}

/// A load that goes on.
#[derive(Debug)]
pub(crate) struct Loading {
    wanted: Wanted,
    load: Load,
    began: Duration,
}

impl Wanted {
    /// Visits of customers who look around.
    pub(crate) fn visits(phase: Phase, seconds: u64) -> Self {
        let duration = Duration::from_secs(seconds);
        Self { title: "visits", phase, mix: "browse=1", rate: 100.0, duration, retries: 0, deadline: USUAL }
    }

    /// Orders.
    pub(crate) fn orders(phase: Phase, rate: f64, seconds: u64) -> Self {
        let duration = Duration::from_secs(seconds);
        Self { title: "orders", phase, mix: "order=1", rate, duration, retries: 5, deadline: USUAL }
    }

    /// Begins it, at the gateway.
    pub(crate) async fn begin(self, trial: &Trial) -> Result<Loading> {
        self.begin_at(trial, trial.world().gateway()).await
    }

    /// Begins it, at any server that has what is called.
    pub(crate) async fn begin_at(self, trial: &Trial, url: String) -> Result<Loading> {
        let settings = Settings {
            mix: self.mix.parse::<Mix>()?,
            products: vec![PRODUCT.parse::<Choice>().map_err(Error::msg)?],
            retries: self.retries,
            deadline: self.deadline,
            interval: Duration::from_millis(250),
            patience: PATIENCE,
            ..Settings::new(url, Schedule::constant(self.rate, self.duration)?, id())
        };
        let load = Load::start(settings).await?;
        Ok(Loading { wanted: self, load, began: trial.elapsed() })
    }

    /// Does all of it.
    pub(crate) async fn run(self, trial: &Trial) -> Result<Report> {
        self.begin(trial).await?.end(trial).await
    }
}

impl Loading {
    /// Sends nothing more.
    pub(crate) fn stop(&mut self) {
        self.load.stop();
    }

    /// Waits for its last call and for the end of each order, and notes how it went.
    pub(crate) async fn end(self, trial: &Trial) -> Result<Report> {
        let report = self.load.report(std::future::pending()).await?;
        trial.plot(self.wanted.title, (self.wanted.phase, self.began), &report);
        Ok(report)
    }
}

/// What visits may take while something is harmed that they do not need, by what they took before, at the 99th percentile.
pub(crate) fn unnoticed(before: &Report) -> Limit {
    Limit::AtMost(ms(SLOW.max(before.latency.quantile(0.99) * NOISE)))
}

/// Some orders were taken, and every one of them came to its good end, once.
pub(crate) fn all_confirmed(trial: &Trial, orders: &Orders) {
    trial.count("orders that were taken", orders.acknowledged, Limit::AtLeast(1.0));
    let wrong = orders.wrong() + orders.refused;
    trial.count("orders that were lost, refused or doubled", wrong, Limit::AtMost(0.0));
    let others = orders.acknowledged.saturating_sub(orders.confirmed);
    trial.count("orders that were taken and not confirmed at last", others, Limit::AtMost(0.0));
}

/// Connects to a server of gRPC.
pub(crate) async fn connect(url: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned())?.connect_timeout(USUAL);
    endpoint.connect().await.with_context(|| format!("{url} cannot be reached"))
}

/// A new id: a key, a run, a customer.
#[expect(
    clippy::disallowed_methods,
    reason = "an experiment is a client of a real shop; nothing here is simulated"
)]
pub(crate) fn id() -> Uuid {
    Uuid::now_v7()
}

/// Puts so much in stock that no order is refused for want of it.
pub(crate) async fn stock(world: &dyn World) -> Result<()> {
    let mut inventory = InventoryServiceClient::new(connect(&world.url("inventory")?).await?);
    let (request_id, product_id) = (id().to_string(), PRODUCT.to_owned());
    let restock = RestockRequest { request_id, product_id, quantity: PIECES };
    inventory.restock(within(USUAL, restock)).await.context("restocking")?;
    Ok(())
}

/// An order of one piece, with a key of its own.
pub(crate) fn order(customer_id: &str) -> PlaceOrderRequest {
    let address = Address {
        region_code: "KR".to_owned(),
        postal_code: "04524".to_owned(),
        recipient: "A Customer".to_owned(),
        address_lines: vec!["1 Courtyard Road".to_owned()],
    };
    PlaceOrderRequest {
        request_id: id().to_string(),
        customer_id: customer_id.to_owned(),
        lines: vec![ProductQuantity { product_id: PRODUCT.to_owned(), quantity: 1 }],
        address: Some(address),
        card_token: "tok_visa".to_owned(),
    }
}

/// Harms calls of a service, for a minute at most.
pub(crate) async fn harm(world: &dyn World, service: &str, fault: Fault) -> Result<()> {
    harm_at(&world.url(service)?, fault).await
}

/// Harms calls of one server.
pub(crate) async fn harm_at(url: &str, fault: Fault) -> Result<()> {
    let mut faults = FaultServiceClient::new(connect(url).await?);
    let ttl = Some(prost_types::Duration { seconds: TTL, nanos: 0 });
    faults.set_fault(within(USUAL, SetFaultRequest { fault: Some(fault), ttl })).await.context("harming")?;
    Ok(())
}

/// Ends all faults of a service.
pub(crate) async fn heal(world: &dyn World, service: &str) -> Result<()> {
    heal_at(&world.url(service)?).await
}

/// Ends all faults of one server.
pub(crate) async fn heal_at(url: &str) -> Result<()> {
    let mut faults = FaultServiceClient::new(connect(url).await?);
    faults.clear_faults(within(USUAL, ClearFaultsRequest {})).await.context("healing")?;
    Ok(())
}

/// A fault of calls of one RPC, each of them, that still does nothing.
pub(crate) fn fault(method: &str) -> Fault {
    Fault { fault_id: "prove".to_owned(), method: method.to_owned(), percent: 100, ..Fault::default() }
}

/// A fault of calls of one RPC, or of all where it is empty, each of which takes so much longer.
pub(crate) fn delay(method: &str, by: Duration) -> Fault {
    // One that is too long for the wire is none, and refused as such.
    Fault { delay: by.try_into().ok(), ..fault(method) }
}

/// Keeps a copy of the data of a service that runs, as it is now.
pub(crate) async fn keep(world: &dyn World, service: &str) -> Result<()> {
    world.kill(service).await?;
    world.machine()?.keep(service)?;
    world.start(service).await
}

/// Puts the copy back under a service that runs.
pub(crate) async fn put_back(world: &dyn World, service: &str) -> Result<()> {
    world.kill(service).await?;
    world.machine()?.put_back(service)?;
    world.start(service).await
}

/// Kills these services, all at once.
pub(crate) async fn kill(world: &dyn World, services: &[&str]) -> Result<()> {
    let killed = join_all(services.iter().map(|service| world.kill(service))).await;
    killed.into_iter().collect()
}

/// Starts these services; answers how long the last took to be ready.
pub(crate) async fn start(world: &dyn World, services: &[&str]) -> Result<Duration> {
    let begin = Instant::now();
    let started = join_all(services.iter().map(|service| world.start(service))).await;
    started.into_iter().collect::<Result<()>>()?;
    Ok(begin.elapsed())
}
