use jiff::Timestamp;

use crate::{Error, Row, Value};

/// Which SQL a database speaks, for the few statements that must differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A database's own part of a transaction.
pub(crate) trait Session {
    fn dialect(&self) -> Dialect;
    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, Error>;
    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error>;

    /// Like `execute`, for a statement whose answer nobody needs now: none, where it is told later.
    fn send(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<u64>, Error> {
        self.execute(sql, params).map(Some)
    }
}

/// A transaction, as its closure sees it.
///
/// Placeholders are `$1`, `$2`…; each value must be used. After a statement failed, every further one
/// fails and so does the closure, whatever it answers; a conflict or a wrong row does not count as that.
/// So ask with `ON CONFLICT DO NOTHING` and the number of rows, not by catching a constraint's error.
pub struct Tx<'a> {
    session: &'a mut dyn Session,
    pub(crate) failed: bool,
    pub(crate) conflicted: bool,
    pub(crate) raised: bool,
    time: Option<Timestamp>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("dialect", &self.dialect()).field("failed", &self.failed).finish()
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(session: &'a mut dyn Session) -> Self {
        Self { session, failed: false, conflicted: false, raised: false, time: None }
    }

    /// Runs a statement that answers no rows; gives the number of rows it changed.
    ///
    /// # Errors
    /// [`Error::Sql`] when the statement is wrong or breaks a constraint, [`Error::Unavailable`] when
    /// the database cannot run it now.
    pub fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, Error> {
        self.guarded(|session| session.execute(sql, params))
    }

    /// Like [`Tx::execute`], for a guarded statement that must change exactly one row. When the closure
    /// then fails, the executor runs it again, three times at most.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no row or several were changed, else those of [`Tx::execute`].
    pub fn execute_one(&mut self, sql: &'static str, params: &[Value]) -> Result<(), Error> {
        let changed = self.execute(sql, params)?;
        self.one(changed)
    }

    /// Like [`Tx::execute_one`], for a statement that leaves the closure nothing to decide. PostgreSQL runs it in its place, but the
    /// answer may come with that of the next statement or of COMMIT, which saves a round trip. Where it then failed, all is undone
    /// and the closure runs once more, and this waits.
    ///
    /// # Errors
    /// Those of [`Tx::execute_one`].
    pub fn send_one(&mut self, sql: &'static str, params: &[Value]) -> Result<(), Error> {
        match self.guarded(|session| session.send(sql, params))? {
            Some(changed) => self.one(changed),
            None => Ok(()),
        }
    }

    fn one(&mut self, changed: u64) -> Result<(), Error> {
        if changed == 1 {
            return Ok(());
        }
        self.conflicted = true;
        Err(Error::Conflict)
    }

    /// Runs a statement and gives all its rows: bound them with LIMIT.
    ///
    /// # Errors
    /// Those of [`Tx::execute`], and [`Error::Row`] when a column holds what [`Value`] cannot.
    pub fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        self.guarded(|session| session.query(sql, params))
    }

    /// Like [`Tx::query`], and gives the first row.
    ///
    /// # Errors
    /// Those of [`Tx::query`].
    pub fn query_opt(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Wakes the relay after this group's COMMIT, and soon after those of other replicas. A closure that is rolled back, or only
    /// reads, raises nothing.
    pub fn raise(&mut self) {
        self.raised = true;
    }

    /// Which SQL to write.
    pub fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Says what time it is, to what writes it down and has no clock. Take it from the clock outside of the closure, which may run
    /// again.
    pub fn tell_time(&mut self, now: Timestamp) {
        self.time = Some(now);
    }

    /// The time that [`Tx::tell_time`] told.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    fn guarded<T>(&mut self, run: impl FnOnce(&mut dyn Session) -> Result<T, Error>) -> Result<T, Error> {
        if self.failed {
            return Err(Error::Sql("an earlier statement of this transaction failed".into()));
        }
        let result = run(self.session);
        self.failed = matches!(result, Err(Error::Sql(_) | Error::Unavailable(_)));
        result
    }
}
