use std::num::NonZeroU32;
use std::time::Duration;

use clap::Parser;
use http::Uri;
use madang_chassis::client::uri;
use madang_chassis::config::duration;
use madang_chassis::{ServerArgs, TelemetryArgs};

/// The edge of the shop: HTTP/JSON, gRPC and gRPC-Web on one port.
#[derive(Debug, Clone, Parser)]
#[command(name = "madang-gateway", version)]
pub struct Config {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// The services behind the edge.
    #[command(flatten)]
    pub upstreams: Upstreams,
    /// How much a client may ask.
    #[command(flatten)]
    pub limits: Limits,
}

/// Where the services are that the edge speaks to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Services")]
pub struct Upstreams {
    /// Where catalog serves
    #[arg(long, env = "MADANG_CATALOG_URL", default_value = "http://127.0.0.1:50051", value_name = "URL", value_parser = uri)]
    pub catalog_url: Uri,
    /// Where inventory serves
    #[arg(long, env = "MADANG_INVENTORY_URL", default_value = "http://127.0.0.1:50052", value_name = "URL", value_parser = uri)]
    pub inventory_url: Uri,
    /// Where orders serves
    #[arg(long, env = "MADANG_ORDERS_URL", default_value = "http://127.0.0.1:50055", value_name = "URL", value_parser = uri)]
    pub orders_url: Uri,
    /// Where notifications serves
    #[arg(long, env = "MADANG_NOTIFICATIONS_URL", default_value = "http://127.0.0.1:50056", value_name = "URL", value_parser = uri)]
    pub notifications_url: Uri,
}

/// How long and how often clients are served.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// How long a call may take whose client does not say
    #[arg(long, env = "MADANG_CALL_TIMEOUT", default_value = "15s", value_name = "DURATION", value_parser = positive)]
    pub call_timeout: Duration,
    /// How long a product page waits for inventory before it shows the stock as unknown
    #[arg(long, env = "MADANG_STOCK_TIMEOUT", default_value = "300ms", value_name = "DURATION", value_parser = positive)]
    pub stock_timeout: Duration,
    /// Requests a second that each client may send, lasting
    #[arg(long, env = "MADANG_RATE_LIMIT", default_value = "200", value_name = "PER_SECOND")]
    pub rate_limit: NonZeroU32,
    /// Requests that a client may send at once after a rest
    #[arg(long, env = "MADANG_RATE_BURST", default_value = "400", value_name = "REQUESTS")]
    pub rate_burst: NonZeroU32,
    /// Proxies in front that can be trusted: the client is the entry of X-Forwarded-For that the outermost of them wrote.
    /// 0 takes the connection's peer
    #[arg(long, env = "MADANG_TRUSTED_HOPS", default_value_t = 0, value_name = "PROXIES")]
    pub trusted_hops: u8,
}

/// A duration in which something can happen.
fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        long_enough => Ok(long_enough),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_at_all_is_refused() {
        for flag in ["--call-timeout", "--stock-timeout"] {
            for (value, taken) in [("0s", false), ("0ms", false), ("1ms", true)] {
                let args = ["gateway".to_owned(), format!("{flag}={value}")];
                let config: Result<Config, _> = madang_chassis::config::try_parse_from(&crate::SERVICE, args);
                assert_eq!(config.is_ok(), taken, "{flag}={value}");
            }
        }
    }
}
