use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use jiff::SignedDuration;

use super::{CONNECTIONS, Config, Database, Limits, Place, Synchronous};
use crate::postgres::authorities;

/// [`Config`] as flags and variables, each checked for itself.
#[derive(Args)]
#[group(skip)]
struct Flags {
    /// Where the service's data is: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME; ?sslmode=require asks for TLS
    /// that is checked against the system's authorities
    #[arg(long, env = "MADANG_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Database,
    /// Whether COMMIT waits until the log is synced. `off` loses answered work when the power
    /// fails; it is there so that the durability test can be seen to fail
    #[arg(
        id = "database-synchronous",
        long,
        env = "MADANG_DATABASE_SYNCHRONOUS",
        value_enum,
        default_value = "full",
        hide = true
    )]
    synchronous: Synchronous,
    /// Connections to PostgreSQL that run transactions, at most; up to three more listen, notify and lead
    #[arg(
        id = "database-connections",
        long,
        env = "MADANG_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value_t = CONNECTIONS,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    connections: u16,
    /// The certificates (PEM) of the authority that PostgreSQL is checked against; with it, a connection without TLS, or to a
    /// host that the certificate does not name, is refused
    #[arg(
        id = "database-ca",
        long,
        env = "MADANG_DATABASE_CA",
        value_name = "FILE",
        value_parser = PathBufValueParser::new().try_map(certificates)
    )]
    ca: Option<PathBuf>,
    /// How long a PostgreSQL that cannot be reached, or takes no connection yet, is waited for at the start; 0s fails at once
    #[arg(
        id = "database-wait",
        long,
        env = "MADANG_DATABASE_WAIT",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = duration
    )]
    wait: Duration,
}

impl Args for Config {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Config {
    /// Refuses what each flag allows and both together do not.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Flags { database, synchronous, connections, ca, wait } = Flags::from_arg_matches(matches)?;
        if let Place::Postgres(server) = &database.0 {
            let checked = server.clone().trusting(ca.as_deref());
            checked.map_err(|error| {
                clap::Error::raw(ErrorKind::ArgumentConflict, format!("--database <URL>: {error}\n"))
            })?;
        }
        Ok(Self { database, synchronous, connections, ca, wait, limits: Limits::default() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn certificates(path: PathBuf) -> Result<PathBuf, String> {
    match authorities(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("a file of certificates in PEM is expected ({error})")),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|it| Duration::try_from(it).ok());
    duration.ok_or("write a duration as 500ms, 10s, 5m or 1h")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Service {
        #[command(flatten)]
        db: Config,
    }

    fn parsed(url: &str, more: &[&str]) -> Result<Config, String> {
        let service = Service::try_parse_from([&["x", "--database", url], more].concat());
        service.map(|service| service.db).map_err(|error| error.to_string())
    }

    #[test]
    fn a_wait_is_a_duration() {
        for (text, wait) in [("0s", 0), ("250ms", 250), ("90s", 90_000), ("5m", 300_000), ("1h", 3_600_000)] {
            let config = parsed("postgres://u@h/n", &["--database-wait", text]).unwrap();
            assert_eq!(config.wait, Duration::from_millis(wait), "{text}");
        }
        for text in ["", "s", "60", "-1s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            let error = parsed("postgres://u@h/n", &[&format!("--database-wait={text}")]).unwrap_err();
            assert!(error.contains("500ms, 10s, 5m or 1h"), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_without_sound_certificates_is_refused_before_anything_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(file("none"), "secret").unwrap();
        let damaged = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
        fs::write(file("damaged"), damaged).unwrap();
        for (name, says) in
            [("none", "no certificate in PEM"), ("damaged", "is damaged"), ("missing", "No such file")]
        {
            let error = parsed("postgres://u@h/n", &["--database-ca", &file(name)]).unwrap_err();
            assert!(error.contains(says) && !error.contains("secret"), "{name}: {error}");
        }
    }

    #[test]
    fn a_url_without_tls_contradicts_an_authority() {
        let authority = tempfile::NamedTempFile::new().unwrap();
        fs::write(&authority, AUTHORITY).unwrap();
        let ca = ["--database-ca", authority.path().to_str().unwrap()];
        let error = parsed("postgres://u:secret@h/n?sslmode=disable", &ca).unwrap_err();
        assert!(error.contains("leave one of them out") && !error.contains("secret"), "{error}");
        let config = parsed("postgres://u@h/n", &ca).unwrap();
        assert_eq!(config.ca.as_deref(), Some(authority.path()));
        parsed("postgres://u@h/n?sslmode=verify-full", &ca).unwrap();
    }

    /// Signed by itself, for tests: its key is gone.
    const AUTHORITY: &str = include_str!("../../tests/authority.pem");
}
