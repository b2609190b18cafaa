use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use http::Uri;

use super::duration;
use crate::telemetry::level::targets;

/// The admin port lies so far above the one that serves.
const ADMIN_OFFSET: u16 = 100;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How a server serves; flatten it into a service's flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, env = "MADANG_LISTEN", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Where /livez, /readyz, /metrics and /info are; 100 ports above --listen unless set
    #[arg(long, env = "MADANG_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,

    /// Calls answered at once; further ones are refused with RESOURCE_EXHAUSTED
    #[arg(long, env = "MADANG_MAX_CONCURRENCY", value_name = "CALLS", default_value = "1024")]
    pub max_concurrency: NonZeroU16,

    /// Streams open at once, besides the calls
    #[arg(long, env = "MADANG_MAX_STREAMS", value_name = "STREAMS", default_value = "1024")]
    pub max_streams: NonZeroU16,

    /// How long calls may take to end once the process is told to
    #[arg(long, env = "MADANG_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// Whether what callers say of their calls counts, the absolute deadline and the order; only where callers are inside
    #[arg(long, env = "MADANG_TRUST_DEADLINE", value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    pub trust_deadline: bool,

    /// Serve madang.faults.v1.FaultService, which harms this service on purpose
    #[arg(long, env = "MADANG_FAULTS")]
    pub faults: bool,

    /// Threads that run the service; as many as there are cores, at most 4, unless set
    #[arg(long, env = "MADANG_WORKER_THREADS", value_name = "THREADS")]
    pub worker_threads: Option<NonZeroUsize>,
}

impl ServerArgs {
    /// Where the admin port is; with a port of 0 the system chooses that as well.
    pub fn admin_address(&self) -> SocketAddr {
        let port = match self.listen.port() {
            0 => 0,
            // The last hundred ports have nothing above them.
            port => port.checked_add(ADMIN_OFFSET).unwrap_or(0),
        };
        self.admin_listen.unwrap_or_else(|| SocketAddr::new(self.listen.ip(), port))
    }

    pub(crate) fn requests(&self) -> u32 {
        u32::from(self.max_concurrency.get()) + u32::from(self.max_streams.get())
    }
}

/// The defaults, and a port that the system chooses: for tests.
impl Default for ServerArgs {
    fn default() -> Self {
        const LIMIT: NonZeroU16 = NonZeroU16::new(1024).expect("is not zero");
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            admin_listen: None,
            max_concurrency: LIMIT,
            max_streams: LIMIT,
            drain_timeout: DRAIN_TIMEOUT,
            trust_deadline: true,
            faults: false,
            worker_threads: None,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// For people.
    Pretty,
}

/// What a process tells about itself; flatten it into a service's flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// How log lines look
    #[arg(long, env = "MADANG_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// What is logged, such as `info` or `warn,madang_orders=debug`
    #[arg(long, env = "MADANG_LOG_LEVEL", value_name = "FILTER", default_value = DEFAULT_LOG_LEVEL, value_parser = filter)]
    pub log_level: String,

    /// The OpenTelemetry collector that gets traces by gRPC, such as http://127.0.0.1:4317; none unless set
    #[arg(long, env = "MADANG_OTLP_ENDPOINT", value_name = "URI", value_parser = crate::client::uri)]
    pub otlp_endpoint: Option<Uri>,

    /// How often all metrics are pushed to the collector, at least 1s apart; never unless set
    #[arg(long, env = "MADANG_OTLP_METRICS_INTERVAL", value_name = "DURATION", value_parser = interval)]
    pub otlp_metrics_interval: Option<Duration>,

    /// The share of new traces that are exported, 0 to 1
    #[arg(long, env = "MADANG_TRACE_RATIO", value_name = "RATIO", default_value = "1", value_parser = ratio)]
    pub trace_ratio: f64,
}

impl Default for TelemetryArgs {
    fn default() -> Self {
        let (log_format, log_level) = (LogFormat::default(), DEFAULT_LOG_LEVEL.to_owned());
        Self { log_format, log_level, otlp_endpoint: None, otlp_metrics_interval: None, trace_ratio: 1.0 }
    }
}

/// Migrations tell each start what they did not do: only their warnings are of use.
const DEFAULT_LOG_LEVEL: &str = "info,refinery_core=warn";

fn filter(text: &str) -> Result<String, String> {
    targets(text).map(|_| text.to_owned())
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "write a number from 0 to 1".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_secs(1) { Err("write 1s or longer".to_owned()) } else { Ok(interval) }
}
