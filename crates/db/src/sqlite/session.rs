use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, ErrorCode, ToSql};

use crate::sqlite::statements::{Kept, Statements};
use crate::tx::Session;
use crate::{Dialect, Error, Row, Value};

/// One run of a closure on a connection that is in a transaction.
pub(crate) struct SqliteSession<'s, 'c> {
    statements: &'s mut Statements<'c>,
    /// Set by the first statement that writes: a closure that only reads pays nothing.
    savepoint: bool,
    reader: bool,
}

impl<'s, 'c> SqliteSession<'s, 'c> {
    pub(crate) fn new(statements: &'s mut Statements<'c>) -> Self {
        Self { statements, savepoint: false, reader: false }
    }

    /// Refuses statements that write.
    pub(crate) fn reader(statements: &'s mut Statements<'c>) -> Self {
        Self { statements, savepoint: false, reader: true }
    }

    pub(crate) fn wrote(&self) -> bool {
        self.savepoint
    }

    /// Ends the closure's own part. An error means that the transaction around it is gone or unsound.
    pub(crate) fn end(self, succeeded: bool) -> Result<(), String> {
        if self.statements.is_autocommit() {
            return Err("the group's transaction is gone".into());
        }
        if self.savepoint {
            if !succeeded {
                self.statements.control("ROLLBACK TO closure")?;
            }
            self.statements.control("RELEASE closure")?;
        }
        Ok(())
    }

    /// Runs a statement with its values bound.
    fn run<T>(
        &mut self,
        sql: &'static str,
        params: &[Value],
        run: impl FnOnce(&mut CachedStatement<'c>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let place = self.statements.prepared(sql)?;
        let kept = self.statements.at(place);
        bind(kept, params)?;
        if !kept.readonly {
            if self.reader {
                return Err(Error::Sql("a reader cannot write".into()));
            }
            self.begin_to_write()?;
        }
        let result = run(&mut self.statements.at(place).statement);
        self.checked(result)
    }

    fn begin_to_write(&mut self) -> Result<(), Error> {
        if !self.savepoint {
            let begun = self.statements.control("SAVEPOINT closure");
            begun.map_err(|cause| Error::Unavailable(cause.into()))?;
            self.savepoint = true;
        }
        Ok(())
    }

    /// Looks whether the group's transaction outlived the statement. A closure that ended it, and would
    /// begin another, must not go on.
    fn checked<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if self.statements.is_autocommit() {
            return Err(Error::Unavailable("the statement ended the group's transaction".into()));
        }
        result
    }
}

impl Session for SqliteSession<'_, '_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &'static str, params: &[Value]) -> Result<u64, Error> {
        self.run(sql, params, |statement| statement.raw_execute().map(|rows| rows as u64).map_err(sql_error))
    }

    fn query(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        self.run(sql, params, collect)
    }
}

fn bind(Kept { statement, order, .. }: &mut Kept<'_>, params: &[Value]) -> Result<(), Error> {
    if order.len() != params.len() {
        let counts = format!("{} placeholders, {} values", order.len(), params.len());
        return Err(Error::Sql(counts.into()));
    }
    for (index, number) in (1..).zip(&*order) {
        let Some(value) = number.and_then(|number| params.get(number)) else {
            let name = statement.parameter_name(index).unwrap_or("?");
            return Err(Error::Sql(format!("no value for placeholder {name}").into()));
        };
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
pub(super) fn sql_error(error: rusqlite::Error) -> Error {
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
