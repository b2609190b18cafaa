use clap::Parser;
use madang_chassis::client::uri;
use madang_chassis::{ServerArgs, TelemetryArgs};
use madang_events::EventsArgs;
use tonic::transport::Uri;

/// What customers were told.
#[derive(Debug, Parser)]
#[command(name = "madang-notifications", version)]
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
    /// Where orders publishes its events
    #[arg(long, env = "MADANG_ORDERS_URL", default_value = "http://127.0.0.1:50055", value_name = "URL", value_parser = uri)]
    pub orders_url: Uri,
    /// Where payments publishes its events
    #[arg(long, env = "MADANG_PAYMENTS_URL", default_value = "http://127.0.0.1:50053", value_name = "URL", value_parser = uri)]
    pub payments_url: Uri,
    /// Where shipping publishes its events
    #[arg(long, env = "MADANG_SHIPPING_URL", default_value = "http://127.0.0.1:50054", value_name = "URL", value_parser = uri)]
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
