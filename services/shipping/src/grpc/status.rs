//! The only place where an error becomes a status.

use madang_api::error::{self as api, status};
use tonic::{Code, Status};

use crate::app::Error;
use crate::domain::Refusal;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Refused(Refusal::RegionNotServed) => {
                status(Code::FailedPrecondition, "REGION_NOT_SERVED", text)
            }
            Error::Refused(Refusal::TooHeavy) => status(Code::FailedPrecondition, "PARCEL_TOO_HEAVY", text),
            Error::StepUndone => status(Code::FailedPrecondition, api::STEP_UNDONE, text),
            Error::Departed => status(Code::FailedPrecondition, "SHIPMENT_DEPARTED", text),
            Error::NotFound => status(Code::NotFound, "SHIPMENT_NOT_FOUND", text),
            Error::Reused => status(Code::AlreadyExists, api::REQUEST_ID_REUSED, text),
            Error::Tariff(cause) => {
                tracing::error!(%cause, "the tariff gives no price");
                api::internal()
            }
            Error::Db(error) => madang_events::database_status(&error),
        }
    }
}
