use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::home::Copy;
use super::{Service, Shop};
use crate::backends::{Nats, Postgres};

/// What the shop runs on, and what is in its databases.
impl Shop {
    /// The server that has its databases; none on SQLite.
    pub fn postgres(&mut self) -> Option<&mut Postgres> {
        self.home.postgres()
    }

    /// The server that carries its events; none where they go by the feed alone.
    pub fn nats(&mut self) -> Option<&mut Nats> {
        self.home.nats.as_mut()
    }

    /// The file of a service; none on PostgreSQL.
    pub fn file(&self, service: Service) -> Option<PathBuf> {
        self.told(service.into()).into_iter().rev().find_map(|(name, value)| {
            (name == "MADANG_DATABASE").then(|| value.strip_prefix("sqlite:").map(PathBuf::from)).flatten()
        })
    }

    /// Asks a service's database, past the service: the first column of each row, as text.
    ///
    /// # Errors
    /// Where the database refuses.
    pub fn ask(&self, service: Service, sql: &str) -> Result<Vec<String>> {
        match self.file(service) {
            Some(file) => ask_file(&file, sql).with_context(|| format!("{}: {sql}", file.display())),
            None => self.home.ask(service, sql),
        }
    }

    /// Keeps a copy of the database of a service, which must be down.
    ///
    /// # Errors
    /// Where it cannot be copied.
    pub fn back_up(&self, service: Service) -> Result<()> {
        self.home.copy(service, Copy::Out)
    }

    /// Has a service, which must be down, find its database as it was at the last [`Self::back_up`].
    ///
    /// # Errors
    /// Where it cannot be copied.
    pub fn restore(&self, service: Service) -> Result<()> {
        self.home.copy(service, Copy::Back)
    }

    /// The log of a service so far, a line of JSON for each entry.
    ///
    /// # Errors
    /// Where there is none.
    pub fn log_lines(&self, service: Service) -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.log(service.into()))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Loses all data of a service that does not run, as if it had none yet.
    ///
    /// # Errors
    /// Where it runs, or its data cannot be removed.
    pub fn forget(&self, service: Service) -> Result<()> {
        ensure!(!self.processes.keys().any(|replica| replica.service == service), "{service} runs");
        self.home.forget(service)
    }

    /// How many rows a table of a service has.
    ///
    /// # Errors
    /// Where the database refuses.
    pub fn count(&self, service: Service, table: &str) -> Result<i64> {
        let rows = self.ask(service, &format!("SELECT COUNT(*) FROM {table}"))?;
        Ok(rows.first().context("a count is a row")?.parse()?)
    }
}

fn ask_file(file: &Path, sql: &str) -> Result<Vec<String>> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(sql)?;
    let text = |row: &rusqlite::Row<'_>| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => String::new(),
        })
    };
    let rows = statement.query_map([], text)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}
