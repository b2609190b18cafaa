//! SQLite with one writer that commits for all who wait, as `crates/db` has it, and nothing around it.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

/// A group ends at so many writes, or after so long: those of `crates/db`.
const WRITES: usize = 512;
const WORK: Duration = Duration::from_millis(5);
/// Also those of `crates/db`: what a connection caches, in KiB, and what is left of a log.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                        PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 8388608;";

/// Writes, and says whether that went well; then, after the commit, lets the caller know.
type Write = (Box<dyn FnMut(&Connection) -> bool + Send>, Box<dyn FnOnce(bool) + Send>);

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writes: Sender<Write>,
    reader: Arc<Mutex<Connection>>,
}

impl Store {
    pub(crate) fn open(path: &Path, schema: &str) -> Result<Self> {
        let writer = connect(path)?;
        writer.execute_batch(schema)?;
        let reader = Arc::new(Mutex::new(connect(path)?));
        let (writes, to_write) = channel();
        thread::Builder::new().name("writer".into()).spawn(move || write_all(&writer, &to_write))?;
        Ok(Self { writes, reader })
    }

    /// Answers when what was written is on the disk.
    pub(crate) async fn write<F>(&self, mut work: F) -> Result<(), Status>
    where
        F: FnMut(&Connection) -> rusqlite::Result<()> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let write = Box::new(move |conn: &Connection| work(conn).is_ok());
        let answer = Box::new(move |is_written| {
            // Who gave up does not hear it; what was written stands.
            let _heard = tell.send(is_written).is_ok();
        });
        let sent = self.writes.send((write, answer));
        sent.map_err(|_| Status::unavailable("the writer has ended"))?;
        match told.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Status::internal("it was not written")),
        }
    }

    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Status>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let reader = Arc::clone(&self.reader);
        let read = move || work(&reader.lock().unwrap_or_else(PoisonError::into_inner));
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.map_err(|error| Status::internal(error.to_string()))?;
        read.map_err(|error| Status::internal(error.to_string()))
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.execute_batch(SETTINGS)?;
    Ok(conn)
}

fn write_all(conn: &Connection, writes: &Receiver<Write>) {
    while let Ok(first) = writes.recv() {
        let (started, mut answers) = (Instant::now(), Vec::new());
        let mut is_sound = control(conn, "BEGIN IMMEDIATE");
        let mut next = Some(first);
        while let Some((mut write, answer)) = next {
            is_sound = is_sound && write(conn);
            answers.push(answer);
            let room = answers.len() < WRITES && started.elapsed() < WORK;
            next = room.then(|| writes.try_recv().ok()).flatten();
        }
        let is_written = is_sound && control(conn, "COMMIT");
        if !is_written && !conn.is_autocommit() {
            control(conn, "ROLLBACK");
        }
        answers.into_iter().for_each(|answer| answer(is_written));
    }
}

fn control(conn: &Connection, sql: &str) -> bool {
    conn.prepare_cached(sql).and_then(|mut statement| statement.execute([])).is_ok()
}

/// Microseconds since 1970.
pub(crate) fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a yardstick has no Clock port")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_syncs_as_the_shop_does() {
        let folder = tempfile::tempdir().unwrap();
        let conn = connect(&folder.path().join("a.db")).unwrap();
        let mode = conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap();
        let synchronous = conn.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    }

    #[tokio::test]
    async fn what_fails_takes_its_group_with_it_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db"), "CREATE TABLE a (b BIGINT UNIQUE);").unwrap();
        let insert = |value: i64| {
            store.write(move |conn| conn.execute("INSERT INTO a VALUES (?1)", [value]).map(drop))
        };
        insert(1).await.unwrap();
        insert(1).await.unwrap_err();
        insert(2).await.unwrap();
        let count =
            store.read(|conn| conn.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)));
        assert_eq!(count.await.unwrap(), 2);
    }
}
