use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};

use crate::tx::Session;
use crate::{Dialect, Error, Row, Value};

/// One run of a closure on a connection that is in a transaction.
pub(crate) struct SqliteSession<'a> {
    conn: &'a Connection,
    /// Set by the first statement that writes: a closure that only reads pays nothing.
    savepoint: bool,
    reader: bool,
}

impl<'a> SqliteSession<'a> {
    pub(crate) fn new(conn: &'a Connection) -> Self {
        Self { conn, savepoint: false, reader: false }
    }

    /// Refuses statements that write.
    pub(crate) fn reader(conn: &'a Connection) -> Self {
        Self { conn, savepoint: false, reader: true }
    }

    pub(crate) fn wrote(&self) -> bool {
        self.savepoint
    }

    /// Ends the closure's own part. An error means that the transaction around it is gone or unsound.
    pub(crate) fn end(self, succeeded: bool) -> Result<(), String> {
        if self.conn.is_autocommit() {
            return Err("the group's transaction is gone".into());
        }
        if self.savepoint {
            if !succeeded {
                control(self.conn, "ROLLBACK TO closure")?;
            }
            control(self.conn, "RELEASE closure")?;
        }
        Ok(())
    }

    fn prepare(&mut self, sql: &'static str, params: &[Value]) -> Result<CachedStatement<'a>, Error> {
        let mut statement = self.conn.prepare_cached(sql).map_err(sql_error)?;
        bind(&mut statement, params)?;
        if self.reader && !statement.readonly() {
            return Err(Error::Sql("a reader cannot write".into()));
        }
        if !self.savepoint && !statement.readonly() {
            control(self.conn, "SAVEPOINT closure").map_err(|cause| Error::Unavailable(cause.into()))?;
            self.savepoint = true;
        }
        Ok(statement)
    }

    /// Looks whether the group's transaction outlived the statement. A closure that ended it, and would
    /// begin another, must not go on.
    fn checked<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if self.conn.is_autocommit() {
            return Err(Error::Unavailable("the statement ended the group's transaction".into()));
        }
        result
    }
}

impl Session for SqliteSession<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, Error> {
        let mut statement = self.prepare(sql, params)?;
        let changed = statement.raw_execute().map_err(sql_error);
        self.checked(changed.map(|rows| rows as u64))
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        let mut statement = self.prepare(sql, params)?;
        let rows = collect(&mut statement);
        self.checked(rows)
    }
}

/// Runs a statement of the executor's own.
pub(super) fn control(conn: &Connection, sql: &'static str) -> Result<(), String> {
    let run = conn.prepare_cached(sql).and_then(|mut statement| statement.raw_execute());
    run.map(drop).map_err(|error| format!("{sql}: {error}"))
}

/// SQLite takes `$1` as a name and numbers names by first use, so each is bound by what its name says.
/// It also takes `$1::BIGINT` as one name, which lets PostgreSQL's casts stand.
fn bind(statement: &mut CachedStatement<'_>, params: &[Value]) -> Result<(), Error> {
    let wrong = |name: &str| Err(Error::Sql(format!("no value for placeholder {name}").into()));
    if statement.parameter_count() != params.len() {
        let counts = format!("{} placeholders, {} values", statement.parameter_count(), params.len());
        return Err(Error::Sql(counts.into()));
    }
    for index in 1..=params.len() {
        let name = statement.parameter_name(index).unwrap_or("?");
        let number = name.strip_prefix('$').and_then(|name| name.split(':').next()?.parse::<usize>().ok());
        let value = number.and_then(|number| params.get(number.checked_sub(1)?));
        let Some(value) = value else { return wrong(name) };
        statement.raw_bind_parameter(index, value).map_err(sql_error)?;
    }
    Ok(())
}

fn collect(statement: &mut CachedStatement<'_>) -> Result<Vec<Row>, Error> {
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut collected = Vec::new();
    while let Some(row) = rows.next().map_err(sql_error)? {
        let value = |index| value(index, row.get_ref(index).map_err(sql_error)?);
        collected.push(Row((0..columns).map(value).collect::<Result<_, _>>()?));
    }
    Ok(collected)
}

fn value(index: usize, value: ValueRef<'_>) -> Result<Value, Error> {
    let unexpected = |found| Error::Row { index, expected: "an integer, text or bytes", found };
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Real(_) => Err(unexpected("a floating-point number")),
        ValueRef::Text(text) => String::from_utf8(text.to_vec())
            .map(Value::Text)
            .map_err(|_| unexpected("text that is not UTF-8")),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::Integer(*int),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What may pass is `Unavailable`; what will fail again is `Sql`.
fn sql_error(error: rusqlite::Error) -> Error {
    let passes = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
        )
    );
    if passes { Error::Unavailable(Box::new(error)) } else { Error::Sql(Box::new(error)) }
}
