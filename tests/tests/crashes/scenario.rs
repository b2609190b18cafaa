//! What happens in the shop while processes die: customers whose orders go every way that there is, operators, readers. Their
//! calls get lost; they ask again, with the same request_id.

mod orders;
mod others;

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use madang_api::catalog::v1::catalog_service_client::CatalogServiceClient;
use madang_api::inventory::v1::inventory_service_client::InventoryServiceClient;
use madang_api::payments::v1::payments_service_client::PaymentsServiceClient;
use madang_tests::customer::{Customer, is_lost};
use madang_tests::wait::{self, PATIENCE};
use madang_tests::{Service, Shop, audit, ids};
use tonic::Status;
use tonic::transport::Channel;

pub(crate) use orders::{Cancelled, Played, Story};
pub(crate) use others::RESTOCKED;

/// A shop in which the scenario was played once, so that a process that starts finds data. Its orders are not checked again.
///
/// # Errors
/// Where the shop does not open, or fails.
pub(crate) async fn lived_in() -> Result<Shop> {
    let shop = Shop::open().await?;
    Cast::new(&shop, PATIENCE).play().await?;
    audit::clean(&shop).await?;
    Ok(shop)
}

/// How long one call may take: shorter than usual, since a call that hangs is a process that died.
const CALL: Duration = Duration::from_secs(5);

/// Those who act.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) customer: Customer,
    pub(crate) payments: PaymentsServiceClient<Channel>,
    pub(crate) inventory: InventoryServiceClient<Channel>,
    catalog: CatalogServiceClient<Channel>,
    gateway: String,
    /// How long they wait for what the shop does by itself.
    pub(crate) patience: Duration,
}

impl Cast {
    /// A new customer of a shop, and its operators.
    pub(crate) fn new(shop: &Shop, patience: Duration) -> Self {
        Self {
            customer: Customer::new(shop, "crash"),
            payments: PaymentsServiceClient::new(shop.channel(Service::Payments)),
            inventory: InventoryServiceClient::new(shop.channel(Service::Inventory)),
            catalog: CatalogServiceClient::new(shop.channel(Service::Catalog)),
            gateway: shop.url(Service::Gateway),
            patience,
        }
    }

    /// The same with another customer.
    pub(crate) fn with_another(&self) -> Self {
        let customer = Customer { id: ids::customer("crash"), ..self.customer.clone() };
        Self { customer, ..self.clone() }
    }

    /// Plays all of it once, everything at the same time.
    pub(crate) async fn play(&self) -> Result<Vec<Played>> {
        let stories = try_join_all(Story::ALL.map(|story| async move {
            self.live(story).await.with_context(|| format!("the story {story:?}"))
        }));
        let (played, (), ()) = futures::try_join!(stories, self.read(), self.operate())?;
        Ok(played)
    }

    /// Asks until there is an answer, as a client does whose calls may get lost.
    pub(crate) async fn answered<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<T, Status>,
    ) -> Result<Result<T, Status>> {
        wait::until(what, self.patience, async || match ask().await {
            Err(status) if is_lost(&status) => Ok(None),
            answer => Ok(Some(answer)),
        })
        .await
    }
}
