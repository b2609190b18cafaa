use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs, client};
use madang_events::EventsArgs;
use tonic::transport::Uri;

/// The till: payments on a double-entry ledger.
#[derive(Debug, Parser)]
#[command(name = "madang-payments", version)]
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
    #[arg(long, env = "MADANG_ORDERS_URL", default_value = "http://127.0.0.1:50055", value_name = "URL", value_parser = client::uri)]
    pub orders_url: Uri,
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
