use std::fmt;

use refinery::error::Kind;
use refinery::{Migration, Runner};
use rusqlite::Connection;

use crate::OpenError;

/// How a column is written that is a number and the table's key, and what SQLite calls it: INTEGER, and not another word for it,
/// makes the column the row's own number. Else the table gets an index of that column besides, which costs a page for each
/// commit, and each look by it a search in both.
const KEYS: [(&str, &str); 2] =
    [("BIGSERIAL PRIMARY KEY", "INTEGER PRIMARY KEY"), ("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")];

/// One owner's migrations, with a history table of their own: a service brings one set, the events
/// crate another. The files serve both databases: BIGINT, TEXT, BYTEA. A number that is a table's key is `BIGINT PRIMARY KEY` or
/// `BIGSERIAL PRIMARY KEY` in the column's own line: SQLite has it as the row's own number.
pub struct Migrations {
    /// The name of the history table.
    pub table: &'static str,
    /// What `refinery::embed_migrations!` made.
    pub runner: refinery::Runner,
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrations")
            .field("table", &self.table)
            .field("migrations", self.runner.get_migrations())
            .finish()
    }
}

impl Migrations {
    /// The same once more, for another attempt.
    pub(crate) fn again(&self) -> Self {
        Self { table: self.table, runner: Runner::new(self.runner.get_migrations()) }
    }

    /// Brings a SQLite database up to date.
    pub(crate) fn apply(mut self, conn: &mut Connection) -> Result<(), OpenError> {
        let migrations: Result<Vec<_>, _> = self.runner.get_migrations().iter().map(for_sqlite).collect();
        let table = self.table;
        self.runner =
            Runner::new(&migrations.map_err(|error| OpenError::Migration { table, source: error.into() })?);
        let (runner, owner) = self.set_up();
        owner.begins();
        runner.run(conn).map_err(|error| owner.refused(error))?;
        owner.ends();
        Ok(())
    }

    /// What runs them, and what tells why they failed.
    pub(crate) fn set_up(self) -> (Runner, Owner) {
        let table = self.table;
        let known = self.runner.get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or(0);
        // Grouped: else a crash between a migration and its line in the history would apply it twice.
        let mut runner = self.runner.set_grouped(true).set_abort_missing(true).set_abort_divergent(true);
        runner.set_migration_table_name(table);
        (runner, Owner { table, known })
    }
}

/// The same migration in SQLite's words.
fn for_sqlite(migration: &Migration) -> Result<Migration, refinery::Error> {
    let sql = migration.sql().unwrap_or_default();
    let sql = KEYS.iter().fold(sql.to_owned(), |sql, (written, own)| sql.replace(written, own));
    Migration::unapplied(&migration.to_string(), &sql)
}

/// Whose migrations they are.
pub(crate) struct Owner {
    table: &'static str,
    /// The newest version that this build knows.
    known: i64,
}

impl Owner {
    /// Before its migrations are applied.
    pub(crate) fn begins(&self) {
        madang_crash::point(|| format!("migrate/{}/before", self.table));
    }

    /// After all of them are committed.
    pub(crate) fn ends(&self) {
        madang_crash::point(|| format!("migrate/{}/after", self.table));
    }

    pub(crate) fn refused(&self, error: refinery::Error) -> OpenError {
        let Self { table, known } = *self;
        match error.kind() {
            Kind::MissingVersion(missing) if i64::from(missing.version()) > known => {
                OpenError::NewerSchema { table, found: missing.version().into(), known }
            }
            Kind::MissingVersion(_)
            | Kind::InvalidName
            | Kind::InvalidVersion
            | Kind::RepeatedVersion(_)
            | Kind::DivergentVersion(..)
            | Kind::InvalidMigrationPath(..)
            | Kind::ConfigError(_)
            | Kind::Connection(..)
            | Kind::InvalidMigrationFile(..) => OpenError::Migration { table, source: Box::new(error) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_sqlite_a_number_that_is_the_key_is_the_rows_own() {
        let sql = "CREATE TABLE a (id BIGINT PRIMARY KEY);
                   CREATE TABLE b (seq BIGSERIAL PRIMARY KEY, c BIGINT);
                   CREATE TABLE d (id BYTEA PRIMARY KEY);";
        let runner = Runner::new(&[Migration::unapplied("V1__tables", sql).unwrap()]);
        let mut conn = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            let runner = Runner::new(runner.get_migrations());
            Migrations { table: "history", runner }.apply(&mut conn).unwrap();
        }
        let sql = "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND tbl_name <> 'history'";
        let mut indexes = conn.prepare(sql).unwrap();
        let indexes = indexes.query_map([], |row| row.get(0)).unwrap();
        assert_eq!(indexes.collect::<Result<Vec<String>, _>>().unwrap(), ["d"]);
    }
}
