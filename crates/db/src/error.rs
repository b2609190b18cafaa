use std::io;
use std::path::PathBuf;

/// The cause below an [`Error`]; for operators, never for clients.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a transaction, or one statement of it, did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not do it now, or what became of the work is unknown.
    #[error("the database is unavailable")]
    Unavailable(#[source] Cause),
    /// A guarded statement did not change exactly one row, and running the closure again did not help.
    #[error("a guarded statement did not change exactly one row")]
    Conflict,
    /// The queue is full, or work has waited in it for long; nothing ran.
    #[error("too much waits for the database")]
    Overloaded,
    /// A column does not hold what the code expects of it.
    #[error("column {index} is {found}, expected {expected}")]
    Row {
        /// The column's index in the row, from 0.
        index: usize,
        /// What the caller asked for.
        expected: &'static str,
        /// What the row has.
        found: &'static str,
    },
    /// The statement is wrong, or breaks a constraint.
    #[error("the statement failed")]
    Sql(#[source] Cause),
    /// The closure panicked; its work was rolled back.
    #[error("the transaction's closure panicked")]
    Panicked,
    /// The executor has ended; nothing ran.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed when it is made again, perhaps on another replica. After
    /// [`Error::Unavailable`] the work may have happened: the closure begins with its look-up.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict | Self::Overloaded | Self::Closed => true,
            Self::Row { .. } | Self::Sql(_) | Self::Panicked => false,
        }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The setting is no database.
    #[error("bad database URL: {reason}")]
    Url {
        /// What was expected.
        reason: &'static str,
    },
    /// The executor of simulations has SQLite alone.
    #[error("the inline executor opens sqlite:PATH only")]
    NotInline,
    /// No server answers at the address.
    #[error("cannot reach {place}")]
    Unreachable {
        /// The URL without its password.
        place: String,
        /// What the system said.
        source: Cause,
    },
    /// The server refuses the user or the password.
    #[error("{place} refuses the user or the password")]
    Credentials {
        /// The URL without its password.
        place: String,
        /// What the server said.
        source: Cause,
    },
    /// A file that `--database-ca` names cannot be read, or holds no certificates.
    #[error("--database-ca: {} cannot be used", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// There is no authority to check the server against.
    #[error("{place} cannot be checked: this system trusts no authority; name one by --database-ca")]
    NoAuthorities {
        /// The URL without its password.
        place: String,
    },
    /// TLS is wanted, and the server has none. Nothing was sent to it, the user's name neither.
    #[error("{place} speaks no TLS, and without it nothing is sent: switch it on at the server")]
    NoTls {
        /// The URL without its password.
        place: String,
    },
    /// The server's certificate is signed by nobody whom this side trusts.
    #[error("{place} shows a certificate of an authority that is not trusted: --database-ca names whose is")]
    Untrusted {
        /// The URL without its password.
        place: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// The server's certificate is for another host name.
    #[error("{place} shows a certificate for another host: the URL's host must be one that it names")]
    OtherHost {
        /// The URL without its password.
        place: String,
        /// What is wrong with it.
        source: Cause,
    },
    /// TLS failed otherwise: a certificate that is over, say, or no common version.
    #[error("no TLS with {place}")]
    Tls {
        /// The URL without its password.
        place: String,
        /// What is wrong.
        source: Cause,
    },
    /// The server starts, recovers or stops: it takes no connections now.
    #[error("{place} takes no connections now")]
    Starting {
        /// The URL without its password.
        place: String,
        /// What the server said.
        source: Cause,
    },
    /// The server has no database of this name.
    #[error("{place} does not exist: create the database first")]
    NoDatabase {
        /// The URL without its password.
        place: String,
    },
    /// Text would be cut or compared otherwise than on SQLite.
    #[error(
        "{place} does not keep text as UTF-8 that is compared by its bytes: create the database with \
         TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    )]
    Locale {
        /// The URL without its password.
        place: String,
    },
    /// The server, or the user, has as many connections as it may.
    #[error("{place} has no connection left: raise max_connections, or lower --database-connections")]
    TooManyConnections {
        /// The URL without its password.
        place: String,
        /// What the server said.
        source: Cause,
    },
    /// Another replica still migrates.
    #[error("another replica has been migrating {place} for a minute")]
    Migrating {
        /// The URL without its password.
        place: String,
    },
    /// PostgreSQL could not open or set up the database.
    #[error("cannot open {place}")]
    Postgres {
        /// The URL without its password.
        place: String,
        /// What the server said.
        source: Cause,
    },
    /// The file's folder is missing and could not be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the lease, and did not let go within two seconds.
    #[error("another process uses the database: {} is locked", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file could not be opened or locked.
    #[error("cannot take the lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file, or its folder, cannot be written.
    #[error("{} is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is not a SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A newer build has used this database; an older one would misread it.
    #[error("the schema in {table} is version {found}, this build knows up to {known}: start a newer build")]
    NewerSchema {
        /// The history table of the migrations' owner.
        table: &'static str,
        /// A version the database has and this build does not know.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// A migration failed, or differs from the one that was applied.
    #[error("cannot bring {table} up to date")]
    Migration {
        /// The history table of the migrations' owner.
        table: &'static str,
        /// What the migration said.
        source: Cause,
    },
    /// SQLite could not open or set up the file.
    #[error("cannot open {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: Cause,
    },
    /// The executor's threads could not be started.
    #[error("cannot start the database's threads")]
    Threads(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_states_its_own_layer_and_source_the_cause() {
        let error = Error::Sql("no such table: t".into());
        assert_eq!(error.to_string(), "the statement failed");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no such table: t");
    }

    #[test]
    fn what_may_pass_is_retryable_and_a_bug_is_not() {
        assert!(Error::Unavailable("disk".into()).retryable());
        assert!(Error::Conflict.retryable() && Error::Overloaded.retryable() && Error::Closed.retryable());
        assert!(!Error::Sql("syntax".into()).retryable() && !Error::Panicked.retryable());
        assert!(!Error::Row { index: 0, expected: "text", found: "null" }.retryable());
    }
}
