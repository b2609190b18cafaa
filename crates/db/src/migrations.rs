use std::fmt;

use refinery::error::Kind;
use refinery::{Migrate, Runner};

use crate::OpenError;

/// One owner's migrations, with a history table of their own: a service brings one set, the events
/// crate another. The files serve both databases: BIGINT, TEXT, BYTEA.
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

    pub(crate) fn apply<C: Migrate>(self, conn: &mut C) -> Result<(), OpenError> {
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
