//! What the shop sells: names, texts, prices, and the search over them.
//!
//! ```text
//!   UpsertProduct --one transaction--> products, version drawn from one sequence
//!                                          | version > the last one read: after each own write, and every 2 s
//!                                          v
//!   Get, BatchGet, List, Search <---- Catalogue in memory: all products, and an index of their words
//! ```
//!
//! Invariant: reads never touch the database; they are answered while it is away.
//! Invariant: a catalogue in memory is never changed, only replaced, so that each call sees one state of all products.
//! Invariant: who got the answer to a write finds it in every later read of the same replica. Another replica follows within
//! 2 s.

pub mod app;
mod config;
pub mod domain;
pub mod grpc;
pub mod store;

use std::time::Duration;

use madang_api::catalog::v1::catalog_service_server::CatalogServiceServer;
use madang_chassis::{Listener, Platform, Server, Service, chain};
use madang_db::Db;

pub use config::{Config, Shipped, shipped};

/// What this service is.
pub const SERVICE: Service = Service { name: "catalog", version: env!("CARGO_PKG_VERSION"), port: 50051 };

const FOLLOW_EVERY: Duration = Duration::from_secs(2);

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[from] madang_db::OpenError),
    /// An empty database cannot be filled, or the products cannot be read.
    #[error("the products cannot be loaded")]
    Load(#[from] app::Error),
    /// The shipped catalogue is not valid: a defect.
    #[error("the shipped catalogue is not valid: {0}")]
    Shipped(String),
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
    let app = app::App::load(db.clone(), &platform, shipped().map_err(Error::Shipped)?).await?;
    platform.tasks.spawn("catalogue-following", follow(app.clone(), platform.clone()));
    config.retention.prune_requests(&db, &platform);
    Server::new(&platform, &config.server)
        .add_service(CatalogServiceServer::new(grpc::Catalog(app)))
        .serve(listener)
        .await?;
    Ok(())
}

/// Reads what other replicas wrote, until the shutdown. [`serve`] starts it.
pub async fn follow(app: app::App, platform: Platform) {
    loop {
        tokio::select! {
            () = platform.shutdown.begun() => return,
            () = tokio::time::sleep(FOLLOW_EVERY) => {}
        }
        match app.refresh().await {
            Ok(0) => {}
            Ok(products) => tracing::info!(products, "products that were written elsewhere are read"),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the products cannot be read; those in memory are served on");
            }
        }
    }
}
