//! The only place where an error becomes a status.

use std::time::Duration;

use madang_api::error;
use tonic::Status;

use crate::app::Ended;

/// When a reader that was too slow may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<Ended> for Status {
    fn from(ended: Ended) -> Self {
        error::retry_later(error::OVERLOADED, ended.to_string(), RETRY_AFTER)
    }
}

/// What a caller is told about a failed read.
pub(super) fn database(failed: madang_db::Error) -> Status {
    madang_events::database_status(&failed)
}
