//! What is in the store house, and for whom it is set aside.
//!
//! ```text
//!   Restock --> available --ReserveStock--> reserved --OrderConfirmed--> sold
//!                   ^--- ReleaseStock, expiry ---+                        |
//!                   ^------------- OrderCancelled ------------------------+
//! ```
//!
//! Invariant: for every product at every moment, received = available + reserved + sold.
//! Invariant: an order has at most one reservation; a refusal and an undo are kept as long as the order, so that every
//! repeat gets the present state, and a step that comes after its undo is refused.
//! Invariant: the rows of several products are locked in the order of their ids.

pub mod app;
mod config;
pub mod domain;
mod events;
pub mod grpc;
pub mod store;

use std::time::Duration;

use madang_api::inventory::v1::inventory_service_server::InventoryServiceServer;
use madang_chassis::{Listener, Platform, Server, Service};
use madang_db::Db;
use madang_events::Events;

pub use config::Config;
pub use events::OrderEvents;

/// What this service is.
pub const SERVICE: Service = Service { name: "inventory", version: env!("CARGO_PKG_VERSION"), port: 50052 };

const EXPIRY_EVERY: Duration = Duration::from_secs(1);

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[from] madang_db::OpenError),
    /// An empty database cannot be stocked.
    #[error("the first stock cannot be written")]
    Seed(#[from] app::Error),
    /// The shipped stock is not valid: a defect.
    #[error("the shipped stock is not valid: {0}")]
    FirstStock(String),
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

/// All tables of this service's database: its own and those of its events.
pub fn migrations() -> Vec<madang_db::Migrations> {
    vec![madang_events::migrations(), store::migrations()]
}

/// Runs the service over a database that is open: for the simulation and for tests.
///
/// # Errors
/// See [`Error`]; all of them are at the start.
pub async fn serve(db: Db, config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    madang_events::measure(&db, &platform);
    let app = app::App::new(db.clone(), &platform);
    app.seed(config::first_stock().map_err(Error::FirstStock)?).await?;
    platform.tasks.spawn("reservations-expiry", expire(app.clone(), platform.clone()));
    config.events.retention.prune_requests(&db, &platform);
    let events = Events::connect(&config.events, &db, &platform).await?;
    let consumers = events.consume(vec![events.from("orders", config.orders_url, OrderEvents)]);
    Server::new(&platform, &config.server)
        .add_service(InventoryServiceServer::new(grpc::Inventory(app)))
        .add_service(consumers.dead_letters())
        .add_service(consumers.cursors())
        .serve(listener)
        .await?;
    Ok(())
}

/// Releases what direct callers reserved for a time.
async fn expire(app: app::App, platform: Platform) {
    loop {
        tokio::select! {
            () = platform.shutdown.begun() => return,
            () = tokio::time::sleep(EXPIRY_EVERY) => {}
        }
        match app.release_expired().await {
            Ok(0) => {}
            Ok(released) => tracing::info!(released, "reservations whose time was over are released"),
            Err(error) => {
                tracing::warn!(%error, "expired reservations cannot be released; the next look tries again")
            }
        }
    }
}
