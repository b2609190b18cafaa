//! Takes money for orders and gives it back, on a double-entry ledger.
//!
//! ```text
//!   customer --AuthorizePayment--> held --OrderConfirmed, CapturePayment--> shop
//!      ^  ^--- VoidPayment, OrderCancelled ---+                               |
//!      +------------------ RefundPayment, OrderCancelled --------------------+
//! ```
//!
//! Invariant: every movement of money is a pair of entries that sum to zero, written in the transaction that changes the
//! payment; so the ledger sums to zero in each currency at every moment.
//! Invariant: an order has at most one payment; a refusal and an undo are kept as long as the order, so that every repeat
//! gets the present state, and a step that comes after its undo is refused.
//! Invariant: a card's token is neither stored nor logged.

pub mod app;
mod config;
pub mod domain;
mod events;
pub mod grpc;
pub mod store;

use madang_api::payments::v1::payments_service_server::PaymentsServiceServer;
use madang_chassis::{Listener, Platform, Server, Service};
use madang_db::Db;
use madang_events::Events;

pub use config::Config;
pub use events::OrderEvents;

/// What this service is.
pub const SERVICE: Service = Service { name: "payments", version: env!("CARGO_PKG_VERSION"), port: 50053 };

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[from] madang_db::OpenError),
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
    config.events.retention.prune_requests(&db, &platform);
    let events = Events::connect(&config.events, &db, &platform).await?;
    let outbox = events.publish();
    let consumers = events.consume(vec![events.from("orders", config.orders_url, OrderEvents)]);
    Server::new(&platform, &config.server)
        .add_service(PaymentsServiceServer::new(grpc::Payments(app)))
        .add_service(outbox.feed())
        .add_service(consumers.dead_letters())
        .add_service(consumers.cursors())
        .serve(listener)
        .await?;
    Ok(())
}
