#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use madang_db::Config;
use postgres::{Client, NoTls, SimpleQueryMessage};

const VARIABLE: &str = "MADANG_TEST_POSTGRES";

/// A database of the test's own; it is dropped with this.
pub(crate) struct Database {
    server: String,
    pub(crate) name: String,
}

impl Database {
    /// `None` when no server is set: then the test is told as skipped, past the capture of its output.
    pub(crate) fn create(test: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(VARIABLE) else {
            writeln!(std::io::stderr(), "skipped: {test} needs {VARIABLE} (tools/backends run ...)").unwrap();
            return None;
        };
        let next = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("madang_test_{}_{next}", std::process::id());
        let database = Self { server, name };
        database.admin(&format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    pub(crate) fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    pub(crate) fn config(&self) -> Config {
        config(&self.url())
    }

    /// Runs SQL as another session of this database, and gives each row's first column as text.
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        ask(&self.url(), sql)
    }

    /// Ends every session whose last statement contains `words`, except the asking one; gives how many.
    pub(crate) fn kill(&self, words: &str) -> usize {
        self.ask(&format!(
            "SELECT pg_terminate_backend(pid)::TEXT FROM pg_stat_activity WHERE datname = current_database()
             AND pid <> pg_backend_pid() AND query LIKE '%{words}%'"
        ))
        .len()
    }

    fn admin(&self, sql: &str) {
        ask(&self.server, sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

pub(crate) fn config(url: &str) -> Config {
    Config::new(url.parse().unwrap())
}

/// On a thread of its own: the client panics inside tokio.
pub(crate) fn ask(url: &str, sql: &str) -> Vec<String> {
    let answers = || {
        let mut client = Client::connect(url, NoTls).unwrap();
        let messages = client.simple_query(sql).unwrap();
        let text = |message: &SimpleQueryMessage| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            Some(row.get(0).unwrap_or_default().to_owned())
        };
        messages.iter().filter_map(text).collect()
    };
    thread::scope(|scope| scope.spawn(answers).join().unwrap())
}
