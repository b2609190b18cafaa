//! What customers were told. It is fed by events alone; nobody calls it to notify.
//!
//! ```text
//!   orders   --OrderConfirmed, OrderRejected, OrderCancelled--+
//!   payments --PaymentOutstanding-----------------------------+--> one row each --> ListNotifications
//!   shipping --ShipmentDeparted-------------------------------+         |
//!                                                         after COMMIT: one teller --> WatchNotifications
//! ```
//!
//! Invariant: an event gives one notification, however often it comes; its id is the event's.
//! Invariant: a notification never changes.
//! Invariant: the rows are read once for all watchers, and a watcher that is too slow is let go.

pub mod app;
mod config;
pub mod domain;
mod events;
pub mod grpc;
pub mod store;

use madang_api::notifications::v1::notifications_service_server::NotificationsServiceServer;
use madang_chassis::{Listener, Platform, Server, Service};
use madang_db::Db;
use madang_events::Events;

pub use config::Config;
pub use events::ShopEvents;

/// What this service is.
pub const SERVICE: Service =
    Service { name: "notifications", version: env!("CARGO_PKG_VERSION"), port: 50056 };

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[from] madang_db::OpenError),
    /// The last notification cannot be read.
    #[error("the last notification cannot be read")]
    Db(#[from] madang_db::Error),
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
/// [`Error::Db`], [`Error::Server`].
pub async fn serve(db: Db, config: Config, listener: Listener, platform: Platform) -> Result<(), Error> {
    madang_events::measure(&db, &platform);
    let app = app::App::start(db.clone(), &platform).await?;
    let events = Events::connect(&config.events, &db, &platform).await?;
    let consumers = events.consume(vec![
        events.from("orders", config.orders_url, ShopEvents),
        events.from("payments", config.payments_url, ShopEvents),
        events.from("shipping", config.shipping_url, ShopEvents),
    ]);
    Server::new(&platform, &config.server)
        .add_service(NotificationsServiceServer::new(grpc::Notifications(app)))
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
