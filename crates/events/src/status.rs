use std::error::Error as _;
use std::time::Duration;

use madang_api::error;
use tonic::{Code, Status};

/// When to come again after too much waited for the database.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a caller is told about an error of the database: UNAVAILABLE DATABASE_UNAVAILABLE, ABORTED CONFLICT,
/// RESOURCE_EXHAUSTED OVERLOADED, or INTERNAL for a defect. The cause goes to the log alone.
pub fn database_status(failed: &madang_db::Error) -> Status {
    use madang_db::Error;
    let cause = failed.source().map(ToString::to_string).unwrap_or_default();
    match failed {
        Error::Unavailable(_) | Error::Closed => {
            tracing::warn!(error = %failed, cause, "the database is unavailable");
            error::status(Code::Unavailable, error::DATABASE_UNAVAILABLE, "the database is unavailable")
        }
        Error::Conflict => error::status(Code::Aborted, error::CONFLICT, "another writer was first"),
        Error::Overloaded => {
            error::retry_later(error::OVERLOADED, "too much waits for the database", RETRY_AFTER)
        }
        Error::Row { .. } | Error::Sql(_) | Error::Panicked => {
            tracing::error!(error = %failed, cause, "a defect of the database's use");
            error::status(Code::Internal, error::INTERNAL, "internal error")
        }
    }
}
