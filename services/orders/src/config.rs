use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs};
use madang_events::EventsArgs;
use tonic::transport::Uri;

/// Takes orders and drives each to its end.
#[derive(Debug, Parser)]
#[command(name = "madang-orders", version)]
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
    /// Where prices come from
    #[arg(long, env = "MADANG_CATALOG_URL", value_name = "URL", default_value = "http://127.0.0.1:50051", value_parser = madang_chassis::client::uri)]
    pub catalog_url: Uri,
    /// Where stock is reserved
    #[arg(long, env = "MADANG_INVENTORY_URL", value_name = "URL", default_value = "http://127.0.0.1:50052", value_parser = madang_chassis::client::uri)]
    pub inventory_url: Uri,
    /// Where payments are authorized
    #[arg(long, env = "MADANG_PAYMENTS_URL", value_name = "URL", default_value = "http://127.0.0.1:50053", value_parser = madang_chassis::client::uri)]
    pub payments_url: Uri,
    /// Where shipments are quoted and arranged
    #[arg(long, env = "MADANG_SHIPPING_URL", value_name = "URL", default_value = "http://127.0.0.1:50054", value_parser = madang_chassis::client::uri)]
    pub shipping_url: Uri,
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
