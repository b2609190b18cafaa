use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::postgres::fault::Failed;
use crate::postgres::tls::{Roots, Tls};
use crate::postgres::url::{Mode, Url};
use crate::{OpenError, Synchronous};

/// For the TCP connection to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// For data that was sent to be acknowledged, before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// An idle connection is probed after this, so often, so many times.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);
/// In milliseconds. They begin each session, so that the URL's own `options` win over them: a closure
/// that waits longer for a lock, works longer in one statement, or stops in its transaction, is undone. What is asked outside of a
/// transaction only reads, so that a write never takes effect where its BEGIN, which travels with it, did not.
const SESSION: &str = "-c statement_timeout=10000 -c lock_timeout=3000 \
                       -c idle_in_transaction_session_timeout=10000 -c default_transaction_read_only=on";

/// Where a PostgreSQL database is, and how to connect to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// May hold a password.
    url: String,
    /// The URL's user, host, port and name: never its password.
    shown: String,
    mode: Option<Mode>,
    /// What the server is checked against; without any, there is no TLS.
    roots: Option<Roots>,
    synchronous: Synchronous,
}

impl Server {
    /// Reads a URL. The reason why it is refused never repeats a part of it.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let bad = |reason| OpenError::Url { reason };
        let Url { url, mode } = Url::read(url)?;
        let config: Config = url.parse().map_err(|_| {
            bad("not a URL of PostgreSQL, expected postgres://USER:PASSWORD@HOST:PORT/NAME \
                 (percent-encode what is special in the password)")
        })?;
        if config.get_hosts().iter().any(|host| shown_host(host).contains('@')) {
            return Err(bad("an @ in a PostgreSQL URL's user or password is written %40"));
        }
        let user = config.get_user().filter(|user| !user.is_empty());
        let user = user.ok_or_else(|| bad("a PostgreSQL URL needs a user: postgres://USER@HOST/NAME"))?;
        let name = config.get_dbname().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| bad("a PostgreSQL URL needs a database: postgres://USER@HOST/NAME"))?;
        let mut hosts = String::new();
        for (index, host) in config.get_hosts().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let port = config.get_ports().get(index).or(config.get_ports().first()).unwrap_or(&5432);
            hosts += &format!("{comma}{}:{port}", shown_host(host));
        }
        if hosts.is_empty() {
            return Err(bad("a PostgreSQL URL needs a host: postgres://USER@HOST/NAME"));
        }
        let shown = format!("postgres://{user}@{hosts}/{name}");
        Self { url, shown, mode, roots: None, synchronous: Synchronous::Full }.trusting(None)
    }

    /// The same server, checked against the authorities in this file, or without one against those of the system where the URL
    /// asks for TLS.
    pub(crate) fn trusting(mut self, ca: Option<&Path>) -> Result<Self, OpenError> {
        let bad = |reason| Err(OpenError::Url { reason });
        self.roots = match (ca, self.mode) {
            (Some(_), Some(Mode::Disable)) => {
                return bad(
                    "sslmode=disable has no TLS, and --database-ca demands it: leave one of them out",
                );
            }
            (Some(path), Some(Mode::Verify) | None) => Some(Roots::File(path.into())),
            (None, Some(Mode::Verify)) => Some(Roots::System),
            (None, Some(Mode::Disable) | None) => None,
        };
        match self.unspeakable().filter(|_| self.roots.is_some()) {
            Some(reason) => bad(reason),
            None => Ok(self),
        }
    }

    /// Why TLS cannot be spoken to one of these.
    fn unspeakable(&self) -> Option<&'static str> {
        let config: Config = self.url.parse().ok()?;
        config.get_hosts().iter().find_map(|host| match host {
            Host::Unix(_) => {
                Some("there is no TLS on a Unix socket: write sslmode=disable, and no --database-ca")
            }
            Host::Tcp(name) => ServerName::try_from(name.as_str()).err().map(
                |_| "TLS needs a host that a certificate can name: its name, or an address without a zone",
            ),
        })
    }

    /// The same server, whose COMMIT waits for the disk or, as the negative control, does not.
    pub(crate) fn with(&self, synchronous: Synchronous) -> Self {
        Self { synchronous, ..self.clone() }
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn has_password(&self) -> bool {
        self.url.parse().is_ok_and(|config: Config| config.get_password().is_some())
    }

    /// How a connection is secured.
    pub(super) fn tls(&self) -> Result<Tls, Failed> {
        let Some(roots) = &self.roots else { return Ok(Tls::off()) };
        Ok(Tls::trusting(roots.read()?, self.config()?.get_ssl_negotiation())?)
    }

    /// For a connection to stand and its user to be let in: a server that stands still takes connections, and says nothing.
    pub(super) fn patience(&self) -> Duration {
        let Ok(config) = self.config() else { return CONNECT };
        let each = config.get_connect_timeout().copied().unwrap_or(CONNECT);
        each.saturating_mul(u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1))
    }

    /// With every time-out set.
    pub(super) fn config(&self) -> Result<Config, tokio_postgres::Error> {
        let mut config: Config = self.url.parse()?;
        let connect = config.get_connect_timeout().copied().unwrap_or(CONNECT);
        let unacknowledged = config.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED);
        let off = match self.synchronous {
            // The server's own setting stands: it may ask for more than `on`.
            Synchronous::Full => "",
            Synchronous::Off => "-c synchronous_commit=off",
        };
        let options = format!("{SESSION} {off} {}", config.get_options().unwrap_or_default());
        let (idle, interval, retries) = KEEPALIVE;
        config.connect_timeout(connect).tcp_user_timeout(unacknowledged).options(options.trim_end());
        config.keepalives(true).keepalives_idle(idle).keepalives_interval(interval);
        config.keepalives_retries(retries);
        config.ssl_mode(if self.roots.is_some() { SslMode::Require } else { SslMode::Disable });
        if config.get_application_name().is_none() {
            config.application_name("madang");
        }
        Ok(config)
    }
}

fn shown_host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_out_is_set_and_the_url_may_choose_another() {
        let config = Server::parse("postgres://u@h/n").unwrap().config().unwrap();
        assert_eq!(config.get_connect_timeout(), Some(&CONNECT));
        assert_eq!(config.get_tcp_user_timeout(), Some(&UNACKNOWLEDGED));
        assert!(config.get_keepalives() && config.get_keepalives_retries() == Some(3));
        assert_eq!(config.get_options(), Some(SESSION));
        let url = "postgres://u@h/n?connect_timeout=1&options=-c%20lock_timeout%3D9&application_name=x";
        let config = Server::parse(url).unwrap().config().unwrap();
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(1)));
        assert!(config.get_options().unwrap().ends_with("-c lock_timeout=9"), "the last one wins");
        assert_eq!(config.get_application_name(), Some("x"));
        let off = Server::parse("postgres://u@h/n").unwrap().with(Synchronous::Off).config().unwrap();
        assert!(off.get_options().unwrap().ends_with("-c synchronous_commit=off"));
    }

    #[test]
    fn there_is_tls_where_the_url_or_a_file_asks_for_it() {
        let roots = |url: &str, ca| Server::parse(url).and_then(|server| server.trusting(ca));
        let (file, ca) = (Some(Roots::File("ca.pem".into())), Some(Path::new("ca.pem")));
        for (url, alone, with_file) in [
            ("postgres://u@h/n", None, &file),
            ("postgres://u@h/n?sslmode=require", Some(Roots::System), &file),
            ("postgres://u@h/n?sslmode=verify-full", Some(Roots::System), &file),
            ("postgres://u@h/n?sslmode=disable", None, &None),
        ] {
            let server = roots(url, None).unwrap();
            let wanted = if alone.is_some() { SslMode::Require } else { SslMode::Disable };
            assert_eq!(server.config().unwrap().get_ssl_mode(), wanted, "{url}");
            assert_eq!(server.roots, alone, "{url}");
            assert_eq!(&roots(url, ca).ok().and_then(|server| server.roots), with_file, "{url}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let ca = Some(Path::new("ca.pem"));
        for (url, ca, says) in [
            ("postgres://u:secret@h/n?sslmode=disable", ca, "leave one of them out"),
            ("postgres://u:secret@%2Frun/n", ca, "Unix socket"),
            ("postgres://u:secret@%2Frun/n?sslmode=require", None, "Unix socket"),
            ("postgres://u:secret@no..name/n?sslmode=require", None, "a certificate can name"),
        ] {
            let error = Server::parse(url).and_then(|server| server.trusting(ca)).err().unwrap().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_with_what_is_missing_and_without_its_parts() {
        for (url, says) in [
            ("postgres://u:secret@/n", "needs a host"),
            ("postgres://u:secret@h", "needs a database"),
            ("postgres://h/n", "needs a user"),
            ("postgres://u:sec@ret@h/n", "%40"),
            ("postgres://u:secret@h:port/n", "expected postgres://"),
            ("postgres://u:secret@h/n?secret=1", "expected postgres://"),
        ] {
            let error = Server::parse(url).err().unwrap().to_string();
            assert!(error.contains(says) && !error.contains("sec"), "{url}: {error}");
        }
    }
}
