//! The only place where an error becomes a status.

use madang_api::error::{self as api, status, status_about};
use tonic::{Code, Status};

use crate::app::Error;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::UnknownProduct(product) => {
                status_about(Code::NotFound, "PRODUCT_NOT_FOUND", text, [("product_id", product.to_string())])
            }
            Error::OutOfStock(short) => {
                let ids: Vec<&str> = short.iter().map(|id| id.as_str()).collect();
                let facts = [("product_ids", ids.join(","))];
                status_about(Code::FailedPrecondition, "OUT_OF_STOCK", text, facts)
            }
            Error::StepUndone => status(Code::FailedPrecondition, api::STEP_UNDONE, text),
            Error::Sold => status(Code::FailedPrecondition, "RESERVATION_SOLD", text),
            Error::Reused => status(Code::AlreadyExists, api::REQUEST_ID_REUSED, text),
            Error::TooMany(_) => status(Code::FailedPrecondition, "STOCK_LIMIT_EXCEEDED", text),
            Error::Unreserved | Error::Inconsistent(_) => {
                tracing::error!(%error, "stock and reservations disagree");
                api::internal()
            }
            Error::Db(error) => madang_events::database_status(&error),
        }
    }
}
