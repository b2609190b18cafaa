use std::str::FromStr;

use clap::Parser;
use madang_chassis::{ServerArgs, TelemetryArgs};
use madang_events::EventsArgs;
use madang_types::{ProductId, Quantity};
use tonic::transport::Uri;

/// The store house: stock and reservations.
#[derive(Debug, Parser)]
#[command(name = "madang-inventory", version)]
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
    #[arg(long, env = "MADANG_ORDERS_URL", value_name = "URL", default_value = "http://127.0.0.1:50055", value_parser = madang_chassis::client::uri)]
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

/// The stock that an empty database starts with.
///
/// # Errors
/// Where the shipped file is no map of products to pieces: a defect, held by a test.
pub(crate) fn first_stock() -> Result<Vec<(ProductId, Quantity)>, String> {
    let file: std::collections::BTreeMap<String, i64> =
        serde_json::from_str(include_str!("../data/stock.json")).map_err(|error| error.to_string())?;
    let line = |(id, pieces): (String, i64)| {
        let product = ProductId::from_str(&id).map_err(|error| format!("{id}: {error}"))?;
        Ok((product, Quantity::try_from(pieces).map_err(|error| format!("{id}: {error}"))?))
    };
    file.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_stock_is_valid() {
        assert!(first_stock().unwrap().len() >= 60);
    }
}
