use rusqlite::{CachedStatement, Connection};

use crate::Error;
use crate::sqlite::session::sql_error;

/// Statements at hand; with more they go back to the connection's own.
const KEPT: usize = 64;

/// The statements of a connection, for as long as it is borrowed. The connection finds one by its whole text, and copies that
/// each time; here it is known by where its text is.
pub(crate) struct Statements<'c> {
    conn: &'c Connection,
    kept: Vec<Kept<'c>>,
}

/// A statement that is prepared.
pub(super) struct Kept<'c> {
    sql: &'static str,
    pub(super) statement: CachedStatement<'c>,
    pub(super) readonly: bool,
    /// For each of its placeholders which value it takes, from 0; none where its name says no number.
    pub(super) order: Vec<Option<usize>>,
}

impl<'c> Statements<'c> {
    pub(crate) fn new(conn: &'c Connection) -> Self {
        Self { conn, kept: Vec::new() }
    }

    /// Lets the statements go where they are many: between two transactions.
    pub(super) fn bound(&mut self) {
        if self.kept.len() > KEPT {
            self.kept.clear();
        }
    }

    pub(super) fn is_autocommit(&self) -> bool {
        self.conn.is_autocommit()
    }

    /// Runs a statement of the executor's own.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<(), String> {
        let run = self.kept(sql).and_then(|place| self.at(place).statement.raw_execute());
        run.map(drop).map_err(|error| format!("{sql}: {error}"))
    }

    /// Where a statement is kept, until [`Statements::bound`].
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<usize, Error> {
        self.kept(sql).map_err(sql_error)
    }

    pub(super) fn at(&mut self, place: usize) -> &mut Kept<'c> {
        &mut self.kept[place]
    }

    fn kept(&mut self, sql: &'static str) -> rusqlite::Result<usize> {
        // By address: the same text elsewhere is another statement, which costs a little and is never wrong.
        let found = self.kept.iter().position(|kept| std::ptr::eq(kept.sql, sql));
        if let Some(place) = found {
            return Ok(place);
        }
        let statement = self.conn.prepare_cached(sql)?;
        let (readonly, order) = (statement.readonly(), order(&statement));
        self.kept.push(Kept { sql, statement, readonly, order });
        Ok(self.kept.len() - 1)
    }
}

/// SQLite takes `$1` as a name and numbers names by first use, so each is bound by what its name says.
/// It also takes `$1::BIGINT` as one name, which lets PostgreSQL's casts stand.
fn order(statement: &CachedStatement<'_>) -> Vec<Option<usize>> {
    let number =
        |name: &str| name.strip_prefix('$')?.split(':').next()?.parse::<usize>().ok()?.checked_sub(1);
    (1..=statement.parameter_count()).map(|index| number(statement.parameter_name(index)?)).collect()
}
