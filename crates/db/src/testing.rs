//! A database of its own for each test, so that the same test holds on both: a SQLite file, or with
//! `MADANG_TEST_POSTGRES=postgres://USER:PASSWORD@HOST:PORT/postgres` in the environment a database on that server. A test that
//! cannot have its database ends here, by a panic.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{Config, Db, Dialect, Migrations};

mod plans;

pub use plans::slow_to_write;

/// Names the server, by the URL of a database that is there.
const VARIABLE: &str = "MADANG_TEST_POSTGRES";
/// Enough for closures that meet, and few enough for many tests at once.
const CONNECTIONS: u16 = 3;

/// An empty database, which is gone when this drops.
#[derive(Debug)]
pub struct Fresh(Home);

#[derive(Debug)]
enum Home {
    Folder(TempDir),
    Server(OnPostgres),
}

impl Fresh {
    /// Where the environment says.
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn new() -> Self {
        Self(match std::env::var(VARIABLE) {
            Ok(server) => Home::Server(OnPostgres::on(server)),
            Err(_) => Home::Folder(tempfile::tempdir().expect("a temporary folder")),
        })
    }

    /// The settings to open it, again and again.
    pub fn config(&self) -> Config {
        match &self.0 {
            Home::Folder(folder) => Config::sqlite(folder.path().join("test.db")),
            Home::Server(database) => database.config(),
        }
    }

    /// Opens it, as a replica of its own.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self, migrations: Vec<Migrations>) -> Db {
        Db::open(&self.config(), migrations).await.expect("the test's database")
    }

    /// What a process is told of it by its flag.
    pub fn url(&self) -> String {
        match &self.0 {
            Home::Folder(_) => self.config().database.to_string(),
            Home::Server(database) => database.url(),
        }
    }

    /// Which SQL it speaks, for what a test itself must write in two ways.
    pub fn dialect(&self) -> Dialect {
        self.config().database.dialect()
    }
}

impl Default for Fresh {
    fn default() -> Self {
        Self::new()
    }
}

/// An empty database on the PostgreSQL server, for what SQLite has not: several handles at once, sessions that break.
pub struct OnPostgres {
    server: String,
    name: String,
}

impl OnPostgres {
    /// `None` when no server is set: then the test is told as skipped, past the capture of its output.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn create(test: &str) -> Option<Self> {
        let Ok(server) = std::env::var(VARIABLE) else {
            let told =
                writeln!(std::io::stderr(), "skipped: {test} needs {VARIABLE} (tools/backends run ...)");
            told.expect("stderr");
            return None;
        };
        Some(Self::on(server))
    }

    fn on(server: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("madang_test_{}_{next}", std::process::id());
        let text = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
        ask(&server, &format!("CREATE DATABASE {name} {text}"));
        Self { server, name }
    }

    /// Its name, which no other test has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL, with the password.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("a URL ends in a database's name");
        format!("{server}/{}", self.name)
    }

    /// The settings to open it, again and again, each time as a replica of its own.
    pub fn config(&self) -> Config {
        Config { connections: CONNECTIONS, ..Config::new(self.url().parse().expect("a URL of PostgreSQL")) }
    }

    /// Opens it, as a replica of its own.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self, migrations: Vec<Migrations>) -> Db {
        Db::open(&self.config(), migrations).await.expect("the test's database")
    }

    /// Runs SQL as another session, and gives each row's first column as text.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        ask(&self.url(), sql)
    }

    /// How many transactions were undone as the victim of a deadlock, as their sessions tell when they end: drop the handles first.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn deadlocks(&self) -> u64 {
        let told = self.ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
        told.first().and_then(|count| count.parse().ok()).expect("the database's statistics")
    }

    /// Ends every session whose last statement contains `words`, except the asking one; gives how many.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn kill(&self, words: &str) -> usize {
        let killed = self.ask(&format!(
            "SELECT pg_terminate_backend(pid)::TEXT FROM pg_stat_activity WHERE datname = current_database()
             AND pid <> pg_backend_pid() AND query LIKE '%{words}%'"
        ));
        killed.len()
    }
}

impl fmt::Debug for OnPostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnPostgres").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for OnPostgres {
    fn drop(&mut self) {
        ask(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Runs SQL as a session of its own, and gives each row's first column as text. It waits on another thread, so that a test of
/// one thread may call it.
///
/// # Panics
/// When the server is away, or refuses it.
pub fn ask(url: &str, sql: &str) -> Vec<String> {
    let answer = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test's server");
        tokio::select! {
            answer = client.simple_query(sql) => answer.unwrap_or_else(|error| panic!("{sql}: {error:?}")),
            ended = connection => panic!("{sql}: the connection ended: {ended:?}"),
        }
    };
    let wait = || Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(answer);
    let answer = thread::scope(|scope| scope.spawn(wait).join());
    let first = |message: &SimpleQueryMessage| {
        if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }
    };
    answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).iter().filter_map(first).collect()
}
