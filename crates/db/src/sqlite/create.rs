use std::ffi::OsString;
use std::fs::{File, remove_file, rename};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::open::{FLAGS, open_error};
use crate::{Migrations, OpenError};

/// Makes the file of a database that is not there yet: beside its place, without a sync, and puts it there whole. As a database
/// that grows in its place it would need a sync for each step, which is most of the time of a first start.
///
/// Call it under the lease. What an attempt that died left behind is overwritten.
pub(super) fn create(path: &Path, migrations: Vec<Migrations>) -> Result<(), OpenError> {
    let new = beside(path, ".new");
    let failed = |source: io::Error| OpenError::Sqlite { path: path.into(), source: source.into() };
    for leftover in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        absent(&leftover).map_err(failed)?;
    }
    fill(&new, migrations)?;
    // The log of a file that somebody deleted belongs to no other.
    for leftover in [beside(path, "-wal"), beside(path, "-shm"), beside(path, "-journal")] {
        absent(&leftover).map_err(failed)?;
    }
    place(&new, path).map_err(failed)
}

fn fill(new: &Path, migrations: Vec<Migrations>) -> Result<(), OpenError> {
    let mut conn = Connection::open_with_flags(new, FLAGS).map_err(|error| open_error(new, error))?;
    let set = |conn: &Connection, sql| conn.execute_batch(sql).map_err(|error| open_error(new, error));
    set(&conn, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA foreign_keys = ON;")?;
    for migrations in migrations {
        migrations.apply(&mut conn)?;
    }
    set(&conn, "PRAGMA journal_mode = WAL;")?;
    conn.close().map_err(|(_, error)| open_error(new, error))
}

/// Once the name is there, so is the whole file.
fn place(new: &Path, path: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    rename(new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn absent(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The path of a file beside another one, with its name and this ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_keeps_a_log_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        for leftover in [beside(&path, ".new"), beside(&path, ".new-wal"), beside(&path, "-wal")] {
            std::fs::write(leftover, "what an attempt that died left").unwrap();
        }
        create(&path, Vec::new()).unwrap();
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["a.db"]);
        let conn = Connection::open(&path).unwrap();
        let mode = conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(mode, "wal");
    }
}
