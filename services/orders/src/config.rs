use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs};
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
    /// Where prices come from
    #[arg(long, env = "MADANG_CATALOG_URL", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    pub catalog_url: Uri,
    /// Where stock is reserved
    #[arg(long, env = "MADANG_INVENTORY_URL", default_value = "http://127.0.0.1:50052", value_name = "URL")]
    pub inventory_url: Uri,
    /// Where payments are authorized
    #[arg(long, env = "MADANG_PAYMENTS_URL", default_value = "http://127.0.0.1:50053", value_name = "URL")]
    pub payments_url: Uri,
    /// Where shipments are quoted and arranged
    #[arg(long, env = "MADANG_SHIPPING_URL", default_value = "http://127.0.0.1:50054", value_name = "URL")]
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
