use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::{Dialect, OpenError};

/// The settings of a service's database; flatten it into the service's own.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Where the service's data is: sqlite:PATH
    #[arg(long, env = "MADANG_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Database,
    /// Whether SQLite syncs its log before COMMIT returns. `off` loses answered work when the power
    /// fails; it is there so that the durability test can be seen to fail
    #[arg(
        id = "database-synchronous",
        long,
        env = "MADANG_DATABASE_SYNCHRONOUS",
        value_enum,
        default_value = "full",
        hide = true
    )]
    pub synchronous: Synchronous,
    #[arg(skip)]
    pub(crate) limits: Limits,
}

impl Config {
    /// The default settings for the SQLite file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self {
            database: Database(Place::Sqlite(path.into())),
            synchronous: Synchronous::Full,
            limits: Limits::default(),
        }
    }
}

/// Where a database is. `Display` and `Debug` leave out a PostgreSQL URL, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Database(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres,
}

impl Database {
    /// Which SQL this database speaks.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Place::Sqlite(_) => Dialect::Sqlite,
            Place::Postgres => Dialect::Postgres,
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
                Ok(Self(Place::Postgres))
            }
            _ => bad("expected sqlite:PATH or postgres://USER@HOST/NAME"),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres => f.write_str("postgres://…"),
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
    /// Closures that wait to write, and as many that wait to read; one more is refused.
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
        assert!(!format!("{database} {database:?}").contains("secret"));
    }

    #[test]
    fn flags_flatten_into_a_service() {
        let service = Service::try_parse_from(["x", "--database", "sqlite:a.db"]).unwrap();
        assert_eq!(service.db.synchronous, Synchronous::Full);
        let off = ["x", "--database", "sqlite:a.db", "--database-synchronous", "off"];
        assert_eq!(Service::try_parse_from(off).unwrap().db.synchronous, Synchronous::Off);
    }
}
