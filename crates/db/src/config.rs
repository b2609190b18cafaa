use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::postgres::Server;
use crate::{Dialect, OpenError};

/// Connections of a service's replica to PostgreSQL, unless set.
const CONNECTIONS: u16 = 16;
/// For PostgreSQL at the start, unless set.
const WAIT: Duration = Duration::from_mins(1);

mod flags;

/// The settings of a service's database; flatten it into the service's own.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the service's data is.
    pub database: Database,
    /// Whether COMMIT waits until the log is synced.
    pub synchronous: Synchronous,
    /// Connections to PostgreSQL that run transactions, at most.
    pub connections: u16,
    /// The file with the certificates of the authority that PostgreSQL is checked against.
    pub ca: Option<PathBuf>,
    /// How long a PostgreSQL that cannot be reached is waited for at the start.
    pub wait: Duration,
    pub(crate) limits: Limits,
}

impl Config {
    /// The default settings for this database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            synchronous: Synchronous::Full,
            connections: CONNECTIONS,
            ca: None,
            wait: WAIT,
            limits: Limits::default(),
        }
    }

    /// The default settings for the SQLite file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::new(Database(Place::Sqlite(path.into())))
    }
}

/// Where a database is. `Display` and `Debug` leave out the password of a PostgreSQL URL, and its
/// parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Database(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Server),
}

impl Database {
    /// Which SQL this database speaks.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Place::Sqlite(_) => Dialect::Sqlite,
            Place::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl FromStr for Database {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        // The text is never repeated in the error: it may be a URL with a password, mistyped.
        let bad = |reason| Err(OpenError::Url { reason });
        match url.split_once(':') {
            Some(("sqlite", "")) => bad("sqlite: needs the path of a file"),
            // Tools differ on whether the first name after // is a host, a folder or the root.
            Some(("sqlite", path)) if path.starts_with("//") && !path.starts_with("///") => {
                bad("a SQLite path has no // before it: write sqlite:PATH")
            }
            Some(("sqlite", path)) => Ok(Self(Place::Sqlite(path.into()))),
            Some(("postgres" | "postgresql", rest)) if rest.len() > 2 && rest.starts_with("//") => {
                Server::parse(url).map(Place::Postgres).map(Self)
            }
            _ => bad("expected sqlite:PATH or postgres://USER@HOST/NAME"),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(server) => f.write_str(server.shown()),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

/// Whether COMMIT waits until the disk has the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Synchronous {
    /// COMMIT returns once the log is synced.
    Full,
    /// COMMIT returns at once: the negative control of the durability test, and nothing else.
    Off,
}

impl Synchronous {
    pub(crate) fn as_sql(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Off => "OFF",
        }
    }
}

/// What bounds the executor. Tests make these small or large; a service has the defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Closures that wait to write, and as many that wait to read (on PostgreSQL: together); one more is
    /// refused.
    pub(crate) queue: usize,
    /// Closures in one group.
    pub(crate) closures: usize,
    /// Work after which a group takes no further closure.
    pub(crate) work: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 1024, closures: 512, work: Duration::from_millis(5) }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Service {
        #[command(flatten)]
        db: Config,
    }

    #[test]
    fn a_sqlite_url_is_a_path() {
        for (url, path) in [("sqlite:data/a.db", "data/a.db"), ("sqlite:///a.db", "/a.db")] {
            assert_eq!(url.parse::<Database>().unwrap(), Config::sqlite(path).database);
        }
    }

    #[test]
    fn a_bad_url_is_refused_with_what_was_expected_and_without_the_url() {
        for url in ["", "sqlite:", "sqlite://a.db", "mysql://u:secret@h", "postgres:", "postgres://", "a.db"]
        {
            let error = url.parse::<Database>().unwrap_err();
            assert!(error.to_string().contains("sqlite:"), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let database: Database = "postgres://user:secret@host/name".parse().unwrap();
        assert_eq!(database.dialect(), Dialect::Postgres);
        assert_eq!(database.to_string(), "postgres://user@host:5432/name");
        assert!(!format!("{database} {database:?}").contains("secret"));
        assert!(!format!("{:?}", Config::new(database)).contains("secret"));
    }

    #[test]
    fn flags_flatten_into_a_service() {
        let service = Service::try_parse_from(["x", "--database", "sqlite:a.db"]).unwrap();
        assert_eq!(service.db.synchronous, Synchronous::Full);
        let off = ["x", "--database", "sqlite:a.db", "--database-synchronous", "off"];
        assert_eq!(Service::try_parse_from(off).unwrap().db.synchronous, Synchronous::Off);
        assert_eq!(service.db.connections, 16);
        let few = ["x", "--database", "postgres://u@h/n", "--database-connections", "2"];
        assert_eq!(Service::try_parse_from(few).unwrap().db.connections, 2);
        let none = ["x", "--database", "postgres://u@h/n", "--database-connections", "0"];
        assert!(Service::try_parse_from(none).is_err());
        assert_eq!((service.db.wait, service.db.ca), (Duration::from_mins(1), None));
    }
}
