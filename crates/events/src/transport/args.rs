use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use async_nats::ServerAddr;
use clap::Args;

/// What carries events beside the feed; flatten it into a service's flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Events")]
pub struct TransportArgs {
    /// The NATS servers that carry events, such as nats://nats:4222, several with commas; events go by gRPC alone unless set
    #[arg(long, env = "MADANG_NATS_URL", value_name = "URL", hide_env_values = true, value_delimiter = ',')]
    pub nats_url: Vec<NatsUrl>,

    /// The credentials file (.creds) to show to NATS
    #[arg(long, env = "MADANG_NATS_CREDENTIALS", value_name = "FILE", conflicts_with = "nats_user")]
    pub nats_credentials: Option<PathBuf>,

    /// The user to be at NATS
    #[arg(long, env = "MADANG_NATS_USER", value_name = "NAME", requires = "nats_password_file")]
    pub nats_user: Option<String>,

    /// The file that holds that user's password
    #[arg(long, env = "MADANG_NATS_PASSWORD_FILE", value_name = "FILE", requires = "nats_user")]
    pub nats_password_file: Option<PathBuf>,

    /// The certificates (PEM) of the authority that NATS is checked against; with it, a connection without TLS is refused
    #[arg(long, env = "MADANG_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,

    /// How many NATS servers keep what this service publishes; it counts when the stream is made
    #[arg(
        long,
        env = "MADANG_NATS_REPLICAS",
        value_name = "SERVERS",
        default_value = "1",
        value_parser = clap::value_parser!(u8).range(1..=5)
    )]
    pub nats_replicas: u8,
}

/// The feed alone.
impl Default for TransportArgs {
    fn default() -> Self {
        Self {
            nats_url: Vec::new(),
            nats_credentials: None,
            nats_user: None,
            nats_password_file: None,
            nats_ca: None,
            nats_replicas: 1,
        }
    }
}

/// Where a NATS server is; without a user or a password, which have files of their own.
#[derive(Clone)]
pub struct NatsUrl(ServerAddr);

impl NatsUrl {
    pub(super) fn address(&self) -> ServerAddr {
        self.0.clone()
    }
}

/// Why a text is no address of a NATS server. It never repeats the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNatsUrl {
    /// It is not nats://HOST:PORT or tls://HOST:PORT.
    #[error("write it as nats://HOST:PORT or tls://HOST:PORT")]
    Form,
    /// It holds a user or a password.
    #[error("a user and a password do not belong into the URL: use --nats-user and --nats-password-file")]
    Secret,
}

impl FromStr for NatsUrl {
    type Err = BadNatsUrl;

    fn from_str(text: &str) -> Result<Self, BadNatsUrl> {
        let address: ServerAddr = text.parse().map_err(|_| BadNatsUrl::Form)?;
        if text.contains('@') || address.username().is_some() || address.password().is_some() {
            return Err(BadNatsUrl::Secret);
        }
        let known = matches!(address.scheme(), "nats" | "tls");
        if known && !address.host().is_empty() { Ok(Self(address)) } else { Err(BadNatsUrl::Form) }
    }
}

impl fmt::Debug for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.host(), self.0.port())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Service {
        #[command(flatten)]
        transport: TransportArgs,
    }

    #[test]
    fn without_flags_events_go_by_the_feed_alone() {
        let args = Service::try_parse_from(["x"]).unwrap().transport;
        assert!(args.nats_url.is_empty());
        assert_eq!(args.nats_replicas, TransportArgs::default().nats_replicas);
    }

    #[test]
    fn several_servers_are_read() {
        let given = ["x", "--nats-url", "nats://a:4222,tls://b", "--nats-replicas", "3"];
        let args = Service::try_parse_from(given).unwrap().transport;
        assert_eq!(format!("{:?} {}", args.nats_url, args.nats_replicas), "[a:4222, b:4222] 3");
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_repeated() {
        for text in ["nats://mina:secret@nats:4222", "nats://secret@nats", "secret@nats"] {
            let error = text.parse::<NatsUrl>().unwrap_err();
            assert_eq!(error, BadNatsUrl::Secret, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        for text in ["http://nats", "", "nats://", "ws://nats:80"] {
            assert_eq!(text.parse::<NatsUrl>().unwrap_err(), BadNatsUrl::Form, "{text}");
        }
    }

    #[test]
    fn a_user_needs_a_password_and_excludes_a_credentials_file() {
        let parse = |given: &[&str]| Service::try_parse_from([&["x"], given].concat());
        assert!(parse(&["--nats-user", "mina"]).is_err());
        assert!(parse(&["--nats-password-file", "p"]).is_err());
        assert!(parse(&["--nats-user", "mina", "--nats-password-file", "p"]).is_ok());
        let both = ["--nats-user", "mina", "--nats-password-file", "p", "--nats-credentials", "c"];
        assert!(parse(&both).is_err());
        assert!(parse(&["--nats-replicas", "0"]).is_err());
    }
}
