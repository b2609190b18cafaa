use std::collections::HashMap;

use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{Client, NoTls, Statement};

use crate::postgres::Server;
use crate::postgres::fault::told;
use crate::postgres::sql::Shape;
use crate::{Migrations, OpenError, Value};

/// Prepared statements that a connection keeps; with more it forgets all of them.
const STATEMENTS: usize = 256;

/// While other replicas migrate. A migration's own statements may take as long as they need, but wait
/// briefly for locks: what waits behind them would be the whole service.
const MIGRATING: [&str; 3] = [
    "SET statement_timeout = 0; SET lock_timeout = '60s'",
    "SELECT pg_advisory_lock(hashtextextended('madang migrations', 0))",
    "SET lock_timeout = '10s'",
];
const MIGRATED: [&str; 2] = [
    "SELECT pg_advisory_unlock(hashtextextended('madang migrations', 0))",
    "RESET statement_timeout; RESET lock_timeout",
];

/// One connection; it lives and ends on one thread.
pub(super) struct Conn {
    pub(super) client: Client,
    /// By text, and by the types of the values: NULL has none.
    statements: HashMap<(&'static str, Box<[Type]>), Prepared>,
}

/// A statement the server knows.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) statement: Statement,
    pub(super) writes: bool,
}

/// Why a statement could not be prepared.
pub(super) enum Unprepared {
    /// The server refused it.
    Server(postgres::Error),
    /// The values do not fit it.
    Values(String),
    /// It would end the transaction that is the executor's.
    Controls,
}

impl Conn {
    pub(super) fn open(server: &Server) -> Result<Self, OpenError> {
        let client = server.config().and_then(|config| config.connect(NoTls));
        let client = client.map_err(|error| refused(server, error))?;
        Ok(Self { client, statements: HashMap::new() })
    }

    /// Brings each owner's schema up to date, one replica after the other.
    pub(super) fn migrate(&mut self, server: &Server, migrations: Vec<Migrations>) -> Result<(), OpenError> {
        if migrations.is_empty() {
            return Ok(());
        }
        let all = |sql: &[&str], client: &mut Client| {
            sql.iter().try_for_each(|sql| client.batch_execute(sql)).map_err(|error| refused(server, error))
        };
        all(&MIGRATING, &mut self.client)?;
        for migrations in migrations {
            migrations.apply(&mut self.client)?;
        }
        all(&MIGRATED, &mut self.client)
    }

    /// Runs a statement of the executor's own.
    pub(super) fn control(&mut self, sql: &str) -> Result<(), postgres::Error> {
        self.client.batch_execute(sql)
    }

    pub(super) fn forget(&mut self) {
        self.statements.clear();
    }

    pub(super) fn prepare(&mut self, sql: &'static str, params: &[Value]) -> Result<Prepared, Unprepared> {
        let types: Box<[Type]> = params.iter().map(Value::declared).collect();
        let key = (sql, types);
        if let Some(prepared) = self.statements.get(&key) {
            return Ok(prepared.clone());
        }
        let shape = Shape::of(sql);
        if shape.controls() {
            return Err(Unprepared::Controls);
        }
        if !shape.takes(params.len()) {
            return Err(Unprepared::Values(format!("the placeholders are not $1 to ${}", params.len())));
        }
        let statement = self.client.prepare_typed(sql, &key.1).map_err(Unprepared::Server)?;
        let prepared = Prepared { statement, writes: shape.writes() };
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(key, prepared.clone());
        Ok(prepared)
    }
}

/// Names what an operator can do about it.
fn refused(server: &Server, error: postgres::Error) -> OpenError {
    let place = server.shown().to_owned();
    let said = |code: &SqlState| error.as_db_error().is_some_and(|db| db.code() == code);
    if said(&SqlState::INVALID_PASSWORD) || said(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) {
        OpenError::Credentials { place, source: told(&error).into() }
    } else if said(&SqlState::INVALID_CATALOG_NAME) {
        OpenError::NoDatabase { place }
    } else if said(&SqlState::TOO_MANY_CONNECTIONS) {
        OpenError::TooManyConnections { place, source: told(&error).into() }
    } else if said(&SqlState::LOCK_NOT_AVAILABLE) {
        OpenError::Migrating { place }
    } else if error.as_db_error().is_none() && is_io(&error) {
        OpenError::Unreachable { place, source: told(&error).into() }
    } else if error.as_db_error().is_none() && !server.has_password() {
        // The client itself ends the talk when it is asked for one.
        OpenError::Credentials { place, source: told(&error).into() }
    } else {
        OpenError::Postgres { place, source: told(&error).into() }
    }
}

fn is_io(error: &postgres::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    error.is_closed()
}
