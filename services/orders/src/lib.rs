//! Takes orders and drives each to its end, confirmed or undone.
//!
//! ```text
//! PlaceOrder -> prices (catalog, shipping) -> one transaction: order, request_id, OrderPlaced
//!                                                  |
//!            saga engine:  reserve stock -> authorize payment -> arrange shipment -> CONFIRMED, OrderConfirmed
//!                              |                 |                    |
//!                              +--- refused -----+--------------------+--> REJECTING -> undos -> REJECTED, OrderRejected
//! CancelOrder -> CANCELLING -> undos -> CANCELLED, OrderCancelled
//! ```
//!
//! Invariant: the outcome of an order is one guarded update of its row; undoing starts only after that commit.
//! Invariant: PlaceOrder and CancelOrder write nothing before all that can be refused was asked; a repeat of a request_id is
//! looked up before any call to another service.
//! Invariant: a caller that hangs up stops nothing: the order belongs to the engine once it is committed.

pub mod app;
mod config;
pub mod domain;
pub mod grpc;
pub mod lease;
pub mod saga;
pub mod store;
pub mod watch;

use madang_api::orders::v1::orders_operator_service_server::OrdersOperatorServiceServer;
use madang_api::orders::v1::orders_service_server::OrdersServiceServer;
use madang_chassis::{Client, Listener, Platform, Server, Service};
use madang_db::Db;
use madang_events::Events;
use madang_saga::{BoxFuture, Engine, Runtime};
use tokio_util::sync::CancellationToken;

pub use config::Config;

use crate::app::{App, Pricing};
use crate::lease::Lease;
use crate::saga::{Participants, PlaceOrder};
use crate::watch::Watchers;

/// What this service is.
pub const SERVICE: Service = Service { name: "orders", version: env!("CARGO_PKG_VERSION"), port: 50055 };

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[from] madang_db::OpenError),
    /// The open orders cannot be taken over.
    #[error("the open orders cannot be taken over")]
    TakeOver(#[from] madang_db::Error),
    /// The settings of events cannot be used.
    #[error("the events' transport cannot be used")]
    Transport(#[from] madang_events::TransportError),
    /// The server cannot start.
    #[error("the server cannot start")]
    Server(#[from] madang_chassis::server::Error),
}

/// Runs the service until the platform's shutdown and the drain after it.
///
/// # Errors
/// See [`Error`]; all of them are at the start.
pub async fn run(config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    let opened = platform.waits_for("database", Db::open(&config.database, migrations())).await;
    match opened.transpose()? {
        Some(db) => serve(db, config, listener, platform).await,
        None => Ok(()),
    }
}

/// The tables of a database of orders.
pub fn migrations() -> Vec<madang_db::Migrations> {
    vec![madang_events::migrations(), store::migrations()]
}

/// Runs the service over a database that is open: for the simulation and for tests.
///
/// # Errors
/// See [`Error`]; all of them are at the start.
pub async fn serve(db: Db, config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    madang_events::measure(&db, &platform);
    let lease = Lease::begin(&db, platform.ids.uuid()).await?;
    let owner = lease.replica();
    config.events.retention.prune_requests(&db, &platform);
    let outbox = Events::connect(&config.events, &db, &platform).await?.publish();

    let client = |uri| Client::new(uri, &platform);
    let (inventory, payments) = (client(config.inventory_url), client(config.payments_url));
    let (catalog, shipping) = (client(config.catalog_url), client(config.shipping_url));
    let participants = Participants::new(inventory, payments, shipping.clone());
    let watchers = Watchers::default();
    let saga = PlaceOrder::new(participants, (db.clone(), owner), watchers.clone(), &platform);
    let drivers = Drivers { platform: platform.clone(), stop: CancellationToken::new() };
    let engine = Engine::start(saga, madang_saga::Config::default(), drivers.clone());
    saga::meters::show(&engine.stats(), &platform);
    drivers.spawn(Box::pin(lease.clone().keep(engine.clone())));
    drivers.spawn(Box::pin(watchers.clone().poll(db.clone(), engine.clone())));
    let app = App::new((db, owner), &platform, Pricing::new(catalog, shipping), (engine, watchers));

    let orders = grpc::Orders { app, shutdown: platform.shutdown.clone(), tasks: platform.tasks.clone() };
    let served = Server::new(&platform, &config.server)
        .add_service(OrdersServiceServer::new(orders.clone()))
        .add_service(OrdersOperatorServiceServer::new(orders))
        .add_service(outbox.feed())
        .serve(listener)
        .await;
    drivers.stop.cancel();
    lease.leave().await;
    Ok(served?)
}

/// The drivers' tasks. They go on while calls drain, since those wait for them, and end then: at any moment, since the next
/// process takes up every open order.
#[derive(Debug, Clone)]
struct Drivers {
    platform: Platform,
    stop: CancellationToken,
}

impl Runtime for Drivers {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let stop = self.stop.clone();
        self.platform.tasks.spawn("saga", async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    fn fraction(&self) -> f64 {
        self.platform.ids.fraction()
    }
}
