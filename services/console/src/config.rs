use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

use clap::Parser;
use http::Uri;
use madang_chassis::client::uri;
use madang_chassis::{ServerArgs, TelemetryArgs};

use crate::traces::Limits;

/// Where all services are on a laptop.
const LOCAL: &str = "catalog=http://127.0.0.1:50151,inventory=http://127.0.0.1:50152,payments=http://127.0.0.1:50153,\
                     shipping=http://127.0.0.1:50154,orders=http://127.0.0.1:50155,notifications=http://127.0.0.1:50156,\
                     gateway=http://127.0.0.1:8180,console=http://127.0.0.1:8181";

const TRACES: NonZeroU32 = NonZeroU32::new(2_000).expect("is not zero");
const MEMORY: NonZeroU32 = NonZeroU32::new(64).expect("is not zero");
/// An order's trace has about 60.
const SPANS_PER_TRACE: usize = 2_000;

/// The operator's page: all services, and the traces of recent orders.
#[derive(Debug, Clone, Parser)]
#[command(name = "madang-console", version)]
pub struct Config {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// The traces that it receives.
    #[command(flatten)]
    pub traces: TraceArgs,
    /// The services' names and admin ports, in the order in which they are shown
    #[arg(long, env = "MADANG_ADMIN_URLS", default_value = LOCAL, value_name = "NAME=URL,...")]
    pub admin_urls: Targets,
}

/// How traces are received and kept.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceArgs {
    /// Where services send their traces, by OTLP over gRPC; none are received unless set, port 0 lets the system choose
    #[arg(long, env = "MADANG_OTLP_LISTEN", value_name = "ADDRESS")]
    pub otlp_listen: Option<SocketAddr>,

    /// Traces that are kept; the oldest leaves first
    #[arg(long, env = "MADANG_TRACES_MAX", value_name = "TRACES", default_value_t = TRACES)]
    pub traces_max: NonZeroU32,

    /// Memory for them, in MiB
    #[arg(long, env = "MADANG_TRACES_MEMORY", value_name = "MIB", default_value_t = MEMORY)]
    pub traces_memory: NonZeroU32,
}

/// None are received: for tests.
impl Default for TraceArgs {
    fn default() -> Self {
        Self { otlp_listen: None, traces_max: TRACES, traces_memory: MEMORY }
    }
}

impl TraceArgs {
    pub(crate) fn limits(&self) -> Limits {
        let count = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        let bytes = count(self.traces_memory).saturating_mul(1024 * 1024);
        Limits { traces: count(self.traces_max), bytes, spans_per_trace: SPANS_PER_TRACE }
    }
}

/// What the console watches. It is read as a whole, so that every bad entry is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(pub Vec<Target>);

impl FromStr for Targets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut targets, mut bad) = (Vec::new(), Vec::new());
        for entry in text.split(',') {
            match entry.parse() {
                Ok(target) => targets.push(target),
                Err(cause) => bad.push(format!("{entry:?}: {cause}")),
            }
        }
        if bad.is_empty() { Ok(Self(targets)) } else { Err(bad.join("; ")) }
    }
}

/// A service that the console watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Where its admin port is.
    pub admin_url: Uri,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = text.trim().split_once('=').ok_or("write it as name=http://host:port")?;
        if name.is_empty() {
            return Err("write it as name=http://host:port".to_owned());
        }
        Ok(Self { name: name.to_owned(), admin_url: uri(url)? })
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
    fn the_default_names_all_services() {
        let config: Config = madang_chassis::config::try_parse_from(&crate::SERVICE, ["console"]).unwrap();
        let names: Vec<_> = config.admin_urls.0.iter().map(|target| target.name.as_str()).collect();
        let expected =
            ["catalog", "inventory", "payments", "shipping", "orders", "notifications", "gateway", "console"];
        assert_eq!(names, expected);
    }

    #[test]
    fn every_bad_target_is_named() {
        let error = "catalog=nope,foo,x=http://1,=".parse::<Targets>().unwrap_err();
        for bad in ["\"catalog=nope\": ", "\"foo\": ", "\"=\": "] {
            assert!(error.contains(bad), "{error}");
        }
        assert!(!error.contains("x="), "{error}");
    }

    #[test]
    fn a_target_is_a_name_and_an_address() {
        assert!("catalog=http://127.0.0.1:50151".parse::<Target>().is_ok());
        for bad in ["catalog", "=http://127.0.0.1:1", "catalog=127.0.0.1", ""] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
