use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::postgres::Server;
use crate::postgres::client::Client;
use crate::postgres::fault::{Failed, told};
use crate::postgres::sql::Shape;
use crate::postgres::tls::{BadRoots, refusal};
use crate::{Cause, Migrations, OpenError, Value};

/// Prepared statements that a connection keeps; with more it forgets all of them.
const STATEMENTS: usize = 256;

/// For one owner's migrations.
const MIGRATION: Duration = Duration::from_hours(1);
/// For the lock of the replica that migrates, and a little more.
const TURN: Duration = Duration::from_secs(65);

/// SQLite compares text by its bytes, and so must this database. Told by what it does, since releases and providers name their
/// collations in several ways.
const LOCALE: &str = "SELECT 'B' < 'a' AND 'a b' < 'aa' AND pg_encoding_to_char(encoding) = 'UTF8' \
                      FROM pg_database WHERE datname = current_database()";

/// While other replicas migrate. A migration's own statements may take as long as they need, but wait
/// briefly for locks: what waits behind them would be the whole service.
const MIGRATING: [&str; 3] = [
    "SET statement_timeout = 0; SET lock_timeout = '60s'; SET default_transaction_read_only = off",
    "SELECT pg_advisory_lock(hashtextextended('madang migrations', 0))",
    "SET lock_timeout = '10s'",
];
const MIGRATED: [&str; 2] = [
    "SELECT pg_advisory_unlock(hashtextextended('madang migrations', 0))",
    "RESET statement_timeout; RESET lock_timeout; RESET default_transaction_read_only",
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
    /// It changes one row or fails.
    pub(super) is_certain: bool,
}

/// Why a statement could not be prepared.
pub(super) enum Unprepared {
    /// The server refused it.
    Server(Failed),
    /// The values do not fit it.
    Values(String),
    /// It would end the transaction that is the executor's.
    Controls,
}

impl Conn {
    pub(super) fn open(server: &Server) -> Result<Self, OpenError> {
        let client = Self::client(server).map_err(|error| refused(server, error))?;
        Ok(Self { client, statements: HashMap::new() })
    }

    fn client(server: &Server) -> Result<Client, Failed> {
        Client::connect(&server.config()?, &server.tls()?, server.patience())
    }

    /// Makes sure that the database keeps text as the stores need it.
    pub(super) fn check(&mut self, server: &Server) -> Result<(), OpenError> {
        let suits = self.client.query(LOCALE, &[]).map_err(|error| refused(server, error))?;
        if suits.first().is_some_and(|row| row.try_get(0).is_ok_and(|suits: bool| suits)) {
            return Ok(());
        }
        Err(OpenError::Locale { place: server.shown().into() })
    }

    /// Brings each owner's schema up to date, one replica after the other.
    pub(super) fn migrate(&mut self, server: &Server, migrations: Vec<Migrations>) -> Result<(), OpenError> {
        if migrations.is_empty() {
            return Ok(());
        }
        let failed = |error| refused(server, error);
        let client = &mut self.client;
        MIGRATING.iter().try_for_each(|sql| client.batch_execute_within(TURN, sql)).map_err(failed)?;
        for migrations in migrations {
            let (runner, owner) = migrations.set_up();
            owner.begins();
            client.migrate(MIGRATION, &runner).map_err(failed)?.map_err(|error| owner.refused(error))?;
            owner.ends();
        }
        MIGRATED.iter().try_for_each(|sql| client.batch_execute(sql)).map_err(failed)
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
        let statement = self.client.prepare(sql, &key.1).map_err(Unprepared::Server)?;
        let prepared = Prepared { statement, writes: shape.writes(), is_certain: shape.is_certain() };
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(key, prepared.clone());
        Ok(prepared)
    }
}

/// Names what an operator can do about it.
pub(super) fn refused(server: &Server, error: Failed) -> OpenError {
    let place = server.shown().to_owned();
    let source = || told(&error).into();
    if let Some(answer) = error.answer() {
        return answered(place, answer.code(), source());
    }
    match error {
        Failed::Plain => return OpenError::NoTls { place },
        Failed::Roots(BadRoots::File(path, source)) => return OpenError::Ca { path, source },
        Failed::Roots(BadRoots::System) => return OpenError::NoAuthorities { place },
        Failed::Postgres(_)
        | Failed::Late(_)
        | Failed::NotOne
        | Failed::Closed
        | Failed::Silent(_)
        | Failed::Tls(_)
        | Failed::Runtime(_) => {}
    }
    if let Some(refusal) = refusal(&error) {
        unchecked(place, refusal, source())
    } else if error.is_io() {
        OpenError::Unreachable { place, source: source() }
    } else if !server.has_password() {
        // The client itself ends the talk when it is asked for one.
        OpenError::Credentials { place, source: source() }
    } else {
        OpenError::Postgres { place, source: source() }
    }
}

/// By what the server said.
fn answered(place: String, code: &SqlState, source: Cause) -> OpenError {
    let starting = [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        OpenError::Credentials { place, source }
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        OpenError::NoDatabase { place }
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        OpenError::TooManyConnections { place, source }
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        OpenError::Migrating { place }
    } else if starting.contains(code) {
        OpenError::Starting { place, source }
    } else {
        OpenError::Postgres { place, source }
    }
}

/// By what the client does not accept of the server's TLS.
fn unchecked(place: String, refusal: &rustls::Error, source: Cause) -> OpenError {
    use rustls::CertificateError::{BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer};
    use rustls::Error::InvalidCertificate;
    if matches!(refusal, InvalidCertificate(UnknownIssuer | BadSignature)) {
        OpenError::Untrusted { place, source }
    } else if matches!(refusal, InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) {
        OpenError::OtherHost { place, source }
    } else {
        OpenError::Tls { place, source }
    }
}
