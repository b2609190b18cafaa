use std::io;
use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::postgres::tls::{BadRoots, Tls, refusal};

/// Why what was asked of the server has no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The server refused it, or the connection broke.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// What was sent together with this failed before it.
    #[error(transparent)]
    Late(tokio_postgres::Error),
    /// What was sent together with this changed another number of rows than one.
    #[error("a statement that was sent before did not change one row")]
    NotOne,
    /// The connection had ended before.
    #[error("the connection is closed")]
    Closed,
    /// The server let the time pass.
    #[error("the server has not answered for {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// TLS is wanted, and the server has none.
    #[error("the server speaks no TLS")]
    Plain,
    /// There is nothing to check the server against.
    #[error(transparent)]
    Roots(#[from] BadRoots),
    /// The client refuses to speak TLS with these settings.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The system has no room for one more connection.
    #[error("no runtime for a connection")]
    Runtime(#[source] io::Error),
}

impl Failed {
    /// What became of an attempt to connect.
    pub(super) fn at_connect(error: tokio_postgres::Error, tls: &Tls) -> Self {
        let failed = Self::Postgres(error);
        // Neither the server's answer nor the way to it: the client found that the server does not agree to TLS.
        if tls.is_missed() && failed.answer().is_none() && !failed.is_io() { Self::Plain } else { failed }
    }

    /// Whether the way to the server failed, or broke.
    pub(super) fn is_io(&self) -> bool {
        if matches!(self, Self::Silent(_) | Self::Closed) {
            return true;
        }
        if refusal(self).is_some() {
            return false;
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(inner) = cause {
            if inner.is::<io::Error>() {
                return true;
            }
            cause = inner.source();
        }
        matches!(self, Self::Postgres(error) | Self::Late(error) if error.is_closed())
    }

    /// What the server said.
    pub(super) fn answer(&self) -> Option<&DbError> {
        if let Self::Postgres(error) | Self::Late(error) = self { error.as_db_error() } else { None }
    }
}

/// What an error of the server, or of the way to it, asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is gone, or must go: a new one may do it.
    Lost,
    /// The transaction was undone for the sake of another: the same again may succeed.
    Again,
    /// A prepared statement no longer fits the schema: the same again, prepared anew.
    Stale,
    /// The server cannot do it now.
    Passing,
    /// The server is a standby, or the transaction only reads.
    ReadOnly,
    /// The statement is wrong, or breaks a constraint.
    Wrong,
    /// The same of a statement that nobody waited for, or it met a conflict: whoever waits for each learns which it was.
    Late,
}

pub(super) fn fault(error: &Failed) -> Fault {
    match (error, fault_of(error)) {
        (Failed::NotOne, _) | (Failed::Late(_), Fault::Wrong) => Fault::Late,
        (_, fault) => fault,
    }
}

fn fault_of(error: &Failed) -> Fault {
    // No answer of the server: silence, the socket, or a message that makes no sense.
    let Some(db) = error.answer() else { return Fault::Lost };
    if matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
        return Fault::Lost;
    }
    let code = db.code();
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        Fault::Again
    } else if *code == SqlState::INVALID_SQL_STATEMENT_NAME || db.routine() == Some("RevalidateCachedQuery") {
        Fault::Stale
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        Fault::ReadOnly
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        Fault::Passing
    } else {
        match code.code().get(..2) {
            // Connection, resources, operator, system.
            Some("08" | "53" | "57" | "58") => Fault::Passing,
            _ => Fault::Wrong,
        }
    }
}

/// The error and all its causes, in one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
