//! Sends parcels, and tells where they are.
//!
//! ```text
//!   ArrangeShipment --> ARRANGED --PaymentCaptured--> DEPARTED ~~time~~> IN_TRANSIT, OUT_FOR_DELIVERY, DELIVERED
//!                          |
//!                   CancelShipment --> CANCELLED
//! ```
//!
//! Invariant: a parcel departs only after its payment was captured, and a cancelled one never departs.
//! Invariant: an order has at most one shipment; a refusal and an undo are kept as long as the order, so that every repeat
//! gets the present state, and a step that comes after its undo is refused.
//! Invariant: the steps after the departure are a function of its time and the clock; nothing is stored for them.

pub mod app;
mod config;
pub mod domain;
mod events;
pub mod grpc;
pub mod store;

use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use madang_chassis::{Listener, Platform, Server, Service};
use madang_db::Db;
use madang_events::Events;

pub use config::Config;
pub use events::PaymentEvents;

/// What this service is.
pub const SERVICE: Service = Service { name: "shipping", version: env!("CARGO_PKG_VERSION"), port: 50054 };

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

/// Runs the service over a database that is open: for the simulation and for tests.
///
/// # Errors
/// [`Error::Server`].
pub async fn serve(db: Db, config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    madang_events::measure(&db, &platform);
    let app = app::App::new(db.clone(), &platform, config.transit_time);
    let events = Events::connect(&config.events, &db, &platform).await?;
    let outbox = events.publish();
    let consumers = events.consume(vec![events.from("payments", config.payments_url, PaymentEvents)]);
    Server::new(&platform, &config.server)
        .add_service(ShippingServiceServer::new(grpc::Shipping(app)))
        .add_service(outbox.feed())
        .add_service(consumers.dead_letters())
        .add_service(consumers.cursors())
        .serve(listener)
        .await?;
    Ok(())
}

/// All tables of this service's database: its own and those of its events.
pub fn migrations() -> Vec<madang_db::Migrations> {
    vec![madang_events::migrations(), store::migrations()]
}
