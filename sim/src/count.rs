//! The shop at work that nothing disturbs: all services and the gateway in one thread, on a network in memory. Under a counter
//! of instructions, the difference between two runs is what the calls cost that one has more: the start is in both.
//!
//! Time passes when all wait, so what services do every so often is done as often as on some 800 orders a second.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use madang_api::catalog::v1::GetProductRequest;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::inventory::v1::RestockRequest;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::orders::v1::orders_service_client::OrdersServiceClient;
use madang_api::orders::v1::{OrderState, PlaceOrderRequest};
use madang_api::types::v1::ProductQuantity;
use madang_chassis::testing::{SeededIds, TestClock};
use madang_chassis::{Network, Platform, Service, config, telemetry};
use madang_cli::audit::judge;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::courier::Mailbox;
use crate::customers::{address, request_id};
use crate::host::{self, Ground, Host, Role, uri};
use crate::{Random, Trace, audit, books};

/// What the shop has to do.
#[derive(Debug, clap::Args)]
pub struct Count {
    /// What is asked for
    work: Work,
    /// How often
    calls: usize,
    /// What ids and the sizes of groups follow from
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Audit the shop after it, which is work too
    #[arg(long)]
    audit: bool,
}

/// What the shop is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Work {
    /// PlaceOrder through the gateway, and all that follows an order
    Order,
    /// GetProduct through the gateway
    Product,
    /// GetProduct of catalog itself
    Direct,
}

const PRODUCT: &str = "celadon-tea-cup";
/// Calls under way at once.
const CALLERS: usize = 16;
/// How long each caller waits between two calls.
const PAUSE: Duration = Duration::from_millis(20);
/// Until the shop is open, and between two looks whether it is at rest.
const A_WHILE: Duration = Duration::from_secs(1);
/// How often that is looked for.
const LOOKS: usize = 100;

/// Has a fresh shop do it, the same way each time, and tells how often it was done.
///
/// # Errors
/// Where a call is not answered as it should be, an order is not CONFIRMED, the shop does not come to rest, or the audit finds
/// something.
pub fn count(&Count { work, calls, seed, audit }: &Count) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut services = JoinSet::new();
        let shop = Shop::open(seed, &mut services)?;
        let worked = async {
            shop.rest().await?;
            shop.work(work, calls).await?;
            shop.rest().await?;
            if audit { shop.audit(if work == Work::Order { calls } else { 0 }).await } else { Ok(()) }
        };
        tokio::select! {
            worked = worked => worked?,
            Some(ended) = services.join_next() => bail!("a service has ended: {}", ended?),
        }
        Ok(format!("calls={calls}"))
    })
}

struct Shop {
    seed: u64,
    network: Network,
    clock: Arc<TestClock>,
    hosts: Vec<Arc<Host>>,
    _folder: TempDir,
}

impl Shop {
    /// Has each service run for itself.
    fn open(seed: u64, services: &mut JoinSet<String>) -> Result<Self> {
        let (network, trace) = (Random::new(seed, "network"), Trace::default());
        let ground = Ground { seed, trace, mailbox: Mailbox::default(), control: None, network };
        let folder = host::folder()?;
        let hosts = Role::ALL.map(|role| Host::new(role, &ground, folder.path()));
        let clock = Arc::new(TestClock::following_tokio());
        let shop = Self { seed, network: Network::new(), clock, hosts: hosts.into(), _folder: folder };
        for host in shop.hosts.iter().map(Arc::clone) {
            let (listener, platform) =
                (shop.network.listen(host.role.name()), shop.platform(host.role.service()));
            let db = host.open(&platform, 0).map_err(|error| anyhow!("{error}"))?;
            services.spawn(async move {
                let ended = host.serve(db, listener, platform).await;
                format!("{}: {ended:?}", host.role.name())
            });
        }
        shop.open_gateway(services)?;
        Ok(shop)
    }

    fn open_gateway(&self, services: &mut JoinSet<String>) -> Result<()> {
        let service = madang_gateway::SERVICE;
        let behind = ["catalog", "inventory", "orders", "notifications"];
        let urls = behind.iter().map(|name| format!("--{name}-url={}", uri(name)));
        // One client is all.
        let fixed = [service.name, "--rate-limit=1000000", "--rate-burst=1000000"].map(str::to_owned);
        let config: madang_gateway::Config = config::try_parse_from(&service, fixed.into_iter().chain(urls))?;
        let (listener, mut platform) = (self.network.listen(service.name), self.platform(service));
        // Once for all: a process that logs nothing costs more, because tracing then looks for another logger.
        let _exporter = telemetry::start(&mut platform, &config.telemetry)?;
        services.spawn(async move {
            let ended = madang_gateway::run(config, listener, platform).await;
            format!("gateway: {ended:?}")
        });
        Ok(())
    }

    fn platform(&self, service: Service) -> Platform {
        let ids = SeededIds::new(Random::new(self.seed, service.name).next());
        let platform = Platform::new(service, Arc::clone(&self.clock) as _, Arc::new(ids));
        Platform { connector: self.network.connector(), ..platform }
    }

    fn channel(&self, host: &str) -> Channel {
        Endpoint::from(uri(host)).connect_with_connector_lazy(self.network.connector())
    }

    async fn work(&self, work: Work, calls: usize) -> Result<()> {
        let host = if work == Work::Direct { "catalog" } else { madang_gateway::SERVICE.name };
        let (channel, random) = (self.channel(host), Random::new(self.seed, "calls"));
        let mut callers = JoinSet::new();
        if work == Work::Order {
            self.restock(calls).await?;
        }
        for caller in 0..CALLERS {
            let (channel, random) = (channel.clone(), random.clone());
            callers.spawn(async move {
                for _ in (caller..calls).step_by(CALLERS) {
                    match work {
                        Work::Order => order(channel.clone(), caller, &random).await?,
                        Work::Product | Work::Direct => product(channel.clone()).await?,
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                anyhow::Ok(())
            });
        }
        while let Some(called) = callers.join_next().await {
            called??;
        }
        Ok(())
    }

    /// A piece for every order.
    async fn restock(&self, calls: usize) -> Result<()> {
        let request_id = request_id(&Random::new(self.seed, "restock"));
        let request =
            RestockRequest { request_id, product_id: PRODUCT.to_owned(), quantity: calls.try_into()? };
        InventoryServiceClient::new(self.channel("inventory")).restock(request).await?;
        Ok(())
    }

    async fn rest(&self) -> Result<()> {
        let mut under_way = None;
        for _ in 0..LOOKS {
            tokio::time::sleep(A_WHILE).await;
            under_way = books::under_way(&self.hosts);
            if under_way.is_none() {
                return Ok(());
            }
        }
        bail!("no rest: {}", under_way.unwrap_or_default())
    }

    async fn audit(&self, orders: usize) -> Result<()> {
        let platform = self.platform(Service { name: "audit", version: "0", port: 0 });
        let facts = audit::facts(&platform, BTreeSet::from([PRODUCT.to_owned()])).await?;
        ensure!(facts.orders.len() == orders, "{orders} orders became {}", facts.orders.len());
        let report = judge(&facts);
        ensure!(report.is_clean(), "the audit found something wrong: {:?}", report.checks);
        ensure!(facts.notifications.len() >= orders, "customers were not told");
        Ok(())
    }
}

async fn order(channel: Channel, caller: usize, random: &Random) -> Result<()> {
    let request = PlaceOrderRequest {
        request_id: request_id(random),
        customer_id: format!("customer-{caller}"),
        lines: vec![ProductQuantity { product_id: PRODUCT.to_owned(), quantity: 1 }],
        address: Some(address()),
        card_token: "tok_visa".to_owned(),
    };
    let placed = OrdersServiceClient::new(channel).place_order(request).await?.into_inner();
    let order = placed.order.context("an answer without an order")?;
    ensure!(order.state() == OrderState::Confirmed, "{} is {:?}", order.order_id, order.state());
    Ok(())
}

async fn product(channel: Channel) -> Result<()> {
    let request = GetProductRequest { product_id: PRODUCT.to_owned() };
    let found = CatalogServiceClient::new(channel).get_product(request).await?.into_inner();
    ensure!(found.product.is_some_and(|product| product.product_id == PRODUCT), "another product");
    Ok(())
}
