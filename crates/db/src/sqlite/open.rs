use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::sqlite::Lease;
use crate::sqlite::create::create;
use crate::{Migrations, OpenError, Synchronous};

/// Threads that read.
const READERS: usize = 2;
/// Only a foreign tool can hold SQLite's own lock, since the lease keeps other services out.
const BUSY: Duration = Duration::from_secs(1);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;
/// The page cache of each connection, in KiB: an idle service stays below 8 MiB.
const CACHE_KIB: u32 = 1024;
/// The log is cut to this size, in bytes, after a checkpoint.
const LOG_LIMIT: u32 = 8 << 20;

/// No SQLITE_OPEN_URI: a path is a path, even one that begins with `file:`.
pub(super) const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A database that is locked, migrated and ready.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) readers: Vec<Connection>,
    /// `None` only in memory.
    pub(crate) lease: Option<Lease>,
}

impl Opened {
    pub(crate) fn open(
        path: &Path,
        synchronous: Synchronous,
        migrations: Vec<Migrations>,
    ) -> Result<Self, OpenError> {
        if in_memory(path) {
            return Err(OpenError::Url { reason: "expected sqlite:PATH; memory keeps nothing" });
        }
        let mut opened = Self::open_one(path, synchronous, migrations)?;
        for _ in 0..READERS {
            opened.readers.push(connect(path, synchronous)?);
        }
        Ok(opened)
    }

    /// Without readers of its own.
    pub(crate) fn open_one(
        path: &Path,
        synchronous: Synchronous,
        mut migrations: Vec<Migrations>,
    ) -> Result<Self, OpenError> {
        let lease = if in_memory(path) { None } else { Some(claim(path)?) };
        if lease.is_some() && !path.exists() {
            create(path, std::mem::take(&mut migrations))?;
        }
        let mut writer = connect(path, synchronous)?;
        for migrations in migrations {
            migrations.apply(&mut writer)?;
        }
        Ok(Self { writer, readers: Vec::new(), lease })
    }
}

fn in_memory(path: &Path) -> bool {
    path.as_os_str() == ":memory:"
}

/// Makes the folder if need be, and takes the lease before SQLite touches the file.
fn claim(path: &Path) -> Result<Lease, OpenError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| OpenError::Folder { path: folder.into(), source })?;
    }
    Lease::take(path)
}

fn connect(path: &Path, synchronous: Synchronous) -> Result<Connection, OpenError> {
    let connected = Connection::open_with_flags(path, FLAGS).and_then(|conn| {
        set_up(&conn, synchronous)?;
        let mode = conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0))?;
        Ok((conn.is_readonly("main")?, mode, conn))
    });
    let (read_only, mode, conn) = connected.map_err(|error| open_error(path, error))?;
    // SQLite says neither by an error: it would fail at the first write, or lose the readers' snapshots.
    if read_only {
        return Err(OpenError::ReadOnly { path: path.into() });
    }
    if mode != "wal" && !in_memory(path) {
        let source = format!("the file system allows no write-ahead log, only {mode}").into();
        return Err(OpenError::Sqlite { path: path.into(), source });
    }
    Ok(conn)
}

fn set_up(conn: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    // A statement keeps its plan whatever its values are. Else it is made anew each time that, say, its LIMIT is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    let cache = -i64::from(CACHE_KIB);
    let synchronous = synchronous.as_sql();
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = {cache};
         PRAGMA journal_size_limit = {LOG_LIMIT};"
    ))
}

pub(super) fn open_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.into();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { path },
        _ => OpenError::Sqlite { path, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn an_idle_connection_has_the_promised_settings() {
        let folder = tempfile::tempdir().unwrap();
        let conn = connect(&folder.path().join("a.db"), Synchronous::Full).unwrap();
        let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        let mode = conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(mode, "wal");
        assert_eq!(pragma("synchronous"), 2, "2 is FULL");
        assert_eq!(pragma("foreign_keys"), 1);
        assert_eq!(pragma("journal_size_limit"), i64::from(LOG_LIMIT));
        assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap());
        let off = connect(&folder.path().join("off.db"), Synchronous::Off).unwrap();
        assert_eq!(off.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap(), 0);
        assert!(pragma("cache_size") * 1024 * (1 + READERS as i64) > -(4 << 20), "below 4 MiB in all");
    }

    #[test]
    fn a_read_only_file_is_named_so() {
        let readonly = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_READONLY), None);
        assert!(matches!(open_error(Path::new("a.db"), readonly), OpenError::ReadOnly { .. }));
    }
}
