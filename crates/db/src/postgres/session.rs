use tokio_postgres::types::ToSql;

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
    /// The connection is gone, and the transaction with it.
    Lost(String),
    /// The closure tried to end it.
    Ended(String),
}

/// One run of a closure on a connection whose transaction begins with the first statement.
pub(super) struct PgSession<'a> {
    conn: &'a mut Conn,
    reader: bool,
    pub(super) wrote: bool,
    pub(super) fate: Fate,
}

impl<'a> PgSession<'a> {
    pub(super) fn writer(conn: &'a mut Conn) -> Self {
        Self { conn, reader: false, wrote: false, fate: Fate::Sound }
    }

    /// Its transaction was begun as one that only reads.
    pub(super) fn reader(conn: &'a mut Conn) -> Self {
        Self { reader: true, ..Self::writer(conn) }
    }

    fn prepare(&mut self, sql: &'static str, params: &[Value]) -> Result<Prepared, Error> {
        let prepared = self.conn.prepare(sql, params).map_err(|unprepared| match unprepared {
            Unprepared::Server(error) => self.failed(error),
            Unprepared::Values(wrong) => Error::Sql(wrong.into()),
            Unprepared::Controls => {
                let cause = "the closure tried to end its transaction";
                self.fate = Fate::Ended(cause.into());
                Error::Unavailable(cause.into())
            }
        })?;
        self.wrote |= prepared.writes;
        Ok(prepared)
    }

    fn failed(&mut self, error: Failed) -> Error {
        let lost = self.conn.client.is_closed();
        match fault(&error) {
            Fault::Wrong | Fault::Passing | Fault::Again | Fault::Stale | Fault::ReadOnly if lost => {
                self.fate = Fate::Lost(told(&error));
            }
            Fault::Lost => self.fate = Fate::Lost(told(&error)),
            // After a failover, perhaps: a new connection may find the primary.
            Fault::ReadOnly if !self.reader => self.fate = Fate::Lost(told(&error)),
            Fault::Again => self.fate = Fate::Again(told(&error)),
            Fault::Stale => {
                self.conn.forget();
                self.fate = Fate::Again(told(&error));
            }
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
        let changed = self.conn.client.execute(&statement, &erased(params));
        changed.map_err(|error| self.failed(error))
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        let Prepared { statement, writes } = self.prepare(sql, params)?;
        let (client, params) = (&mut self.conn.client, erased(params));
        let rows = if writes { client.query(&statement, &params) } else { client.look(&statement, &params) };
        rows.map_err(|error| self.failed(error))?.iter().map(row).collect()
    }
}

fn erased(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, Error> {
    let unexpected =
        |index| Error::Row { index, expected: "an integer, text or bytes", found: "of another type" };
    let value = |index| row.try_get::<_, Value>(index).map_err(|_| unexpected(index));
    Ok(Row((0..row.len()).map(value).collect::<Result<_, _>>()?))
}
