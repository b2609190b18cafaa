use std::time::Duration;

use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs};
use madang_events::EventsArgs;
use tonic::transport::Uri;

/// The parcels: quotes, bookings and tracking.
#[derive(Debug, Parser)]
#[command(name = "madang-shipping", version)]
pub struct Config {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// The database.
    #[command(flatten)]
    pub database: madang_db::Config,
    /// Events.
    #[command(flatten)]
    pub events: EventsArgs,
    /// Where payments publishes its events
    #[arg(
        long,
        env = "MADANG_PAYMENTS_URL",
        default_value = "http://127.0.0.1:50053",
        value_name = "URL",
        value_parser = madang_chassis::client::uri
    )]
    pub payments_url: Uri,
    /// How long a parcel takes from the shop to the customer
    #[arg(
        long,
        env = "MADANG_TRANSIT_TIME",
        default_value = "30s",
        value_name = "DURATION",
        value_parser = madang_chassis::config::duration
    )]
    pub transit_time: Duration,
}

impl AsRef<ServerArgs> for Config {
    fn as_ref(&self) -> &ServerArgs {
        &self.server
    }
}

impl AsRef<TelemetryArgs> for Config {
    fn as_ref(&self) -> &TelemetryArgs {
        &self.telemetry
    }
}
