use crate::postgres::connect::{Conn, Prepared, Unprepared};
use crate::postgres::fault::{Failed, Fault, fault, told};
use crate::tx::Session;
use crate::{Dialect, Error, Row, Value};

/// What became of the transaction while its closure ran.
#[derive(Debug, Default)]
pub(super) enum Fate {
    /// It stands, or a statement failed that fails again.
    #[default]
    Sound,
    /// The server undid it, and the same again may succeed.
    Again(String),
    /// A statement failed that the closure did not wait for.
    Late,
    /// The connection is gone, and the transaction with it.
    Lost(String),
    /// The closure tried to end it.
    Ended(String),
    /// The closure asks more than one statement, or writes, where there is none.
    Alone,
}

/// What a closure may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One statement that reads, outside of a transaction: it has a snapshot of its own.
    Alone,
    /// What the server lets a transaction do that only reads.
    Read,
    /// All; what is sent without waiting is asked with the next statement.
    Write,
    /// All, and each is waited for.
    WriteWaiting,
}

/// One run of a closure on a connection whose transaction, if the mode has one, begins with the first statement.
pub(super) struct PgSession<'a> {
    conn: &'a mut Conn,
    mode: Mode,
    is_asked: bool,
    pub(super) wrote: bool,
    pub(super) fate: Fate,
}

impl<'a> PgSession<'a> {
    pub(super) fn new(conn: &'a mut Conn, mode: Mode) -> Self {
        Self { conn, mode, is_asked: false, wrote: false, fate: Fate::Sound }
    }

    /// Runs what must be known before the COMMIT.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.conn.client.settle().map_err(|error| self.failed(error))
    }

    fn prepare(&mut self, sql: &'static str, params: &[Value]) -> Result<Prepared, Error> {
        let is_second = std::mem::replace(&mut self.is_asked, true);
        let prepared = self.conn.prepare(sql, params).map_err(|unprepared| match unprepared {
            Unprepared::Server(error) => self.failed(error),
            Unprepared::Values(wrong) => Error::Sql(wrong.into()),
            Unprepared::Controls => {
                let cause = "the closure tried to end its transaction";
                self.fate = Fate::Ended(cause.into());
                Error::Unavailable(cause.into())
            }
        })?;
        if self.mode == Mode::Alone && (is_second || prepared.writes) {
            self.fate = Fate::Alone;
            return Err(Error::Unavailable("this needs a transaction".into()));
        }
        self.wrote |= prepared.writes;
        Ok(prepared)
    }

    fn failed(&mut self, error: Failed) -> Error {
        let writes = matches!(self.mode, Mode::Write | Mode::WriteWaiting);
        match if self.conn.client.is_closed() { Fault::Lost } else { fault(&error) } {
            Fault::Lost => self.fate = Fate::Lost(told(&error)),
            // After a failover, perhaps: a new connection may find the primary.
            Fault::ReadOnly if writes => self.fate = Fate::Lost(told(&error)),
            Fault::Again => self.fate = Fate::Again(told(&error)),
            Fault::Stale => {
                self.conn.forget();
                self.fate = Fate::Again(told(&error));
            }
            Fault::Late => self.fate = Fate::Late,
            Fault::Passing => {}
            Fault::Wrong | Fault::ReadOnly => return Error::Sql(Box::new(error)),
        }
        Error::Unavailable(Box::new(error))
    }
}

impl Session for PgSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, Error> {
        let Prepared { statement, .. } = self.prepare(sql, params)?;
        let changed = self.conn.client.execute(&statement, params);
        changed.map_err(|error| self.failed(error))
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        let Prepared { statement, .. } = self.prepare(sql, params)?;
        let rows = self.conn.client.query(&statement, params);
        rows.map_err(|error| self.failed(error))?.iter().map(row).collect()
    }

    fn send(&mut self, sql: &'static str, params: &[Value]) -> Result<Option<u64>, Error> {
        if self.mode != Mode::Write {
            return self.execute(sql, params).map(Some);
        }
        let Prepared { statement, is_certain, .. } = self.prepare(sql, params)?;
        let sent = self.conn.client.send(statement, params, is_certain);
        sent.map(|()| None).map_err(|error| self.failed(error))
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let unexpected =
        |index| Error::Row { index, expected: "an integer, text or bytes", found: "of another type" };
    let value = |index| row.try_get::<_, Value>(index).map_err(|_| unexpected(index));
    Ok(Row((0..row.len()).map(value).collect::<Result<_, _>>()?))
}
