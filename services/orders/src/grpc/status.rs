//! The only place where an error becomes a status.

use madang_api::error::{self as api, status};
use tonic::{Code, Status};

use crate::app::Error;
use crate::domain::{CancelRefused, CartError};

/// Refusals of catalogue and shipping that the customer can do something about: they are told on as they are.
const TOLD_ON: &[&str] = &["PRODUCT_NOT_FOUND", "REGION_NOT_SERVED", "PARCEL_TOO_HEAVY"];

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::UnknownOrder(_) => status(Code::NotFound, "ORDER_NOT_FOUND", text),
            Error::Reused => status(Code::AlreadyExists, api::REQUEST_ID_REUSED, text),
            Error::Cart(cause @ CartError::MixedCurrencies) => {
                api::invalid_field("MIXED_CURRENCIES", "lines", cause.to_string())
            }
            Error::Cart(cause @ CartError::TotalTooLarge) => {
                status(Code::FailedPrecondition, "TOTAL_TOO_LARGE", cause.to_string())
            }
            Error::Upstream(cause) => upstream(*cause),
            Error::CancelRefused(cause @ CancelRefused::Rejected) => {
                status(Code::FailedPrecondition, "ORDER_REJECTED", cause.to_string())
            }
            Error::CancelRefused(cause @ CancelRefused::Stuck) => {
                status(Code::FailedPrecondition, "ORDER_STUCK", cause.to_string())
            }
            Error::Departed => status(Code::FailedPrecondition, "SHIPMENT_DEPARTED", text),
            Error::Db(error) => madang_events::database_status(&error),
        }
    }
}

/// Nothing was written yet, so whatever else went wrong, the same call may be sent again.
fn upstream(cause: Status) -> Status {
    match api::reason(&cause) {
        Some(reason) if TOLD_ON.contains(&reason.as_str()) => cause,
        _ if cause.code() == Code::DeadlineExceeded => cause,
        _ => {
            tracing::warn!(error = %cause, "the order cannot be priced");
            status(Code::Unavailable, "PRICING_UNAVAILABLE", "the order cannot be priced now")
        }
    }
}
