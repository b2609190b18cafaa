//! The only place where an error becomes a status.

use madang_api::Violations;
use madang_api::error::{self as api, status};
use tonic::{Code, Status};

use crate::app::Error;
use crate::domain::Refusal;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NotFound => status(Code::NotFound, "PAYMENT_NOT_FOUND", text),
            Error::Declined(decline) => status(Code::FailedPrecondition, decline.reason(), text),
            Error::StepUndone => status(Code::FailedPrecondition, api::STEP_UNDONE, text),
            Error::Reused => status(Code::AlreadyExists, api::REQUEST_ID_REUSED, text),
            Error::Refused(refusal) => refused(refusal),
            // As a broken connection would say it: with a reason it could be taken for a refusal.
            Error::AnswerLost => Self::unavailable(text),
            Error::Db(error) => madang_events::database_status(&error),
        }
    }
}

fn refused(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Captured | Refusal::NotAuthorized | Refusal::NotCaptured | Refusal::ExceedsCapture => {
            status(Code::FailedPrecondition, refusal.reason(), refusal.to_string())
        }
        Refusal::NotFound => status(Code::NotFound, refusal.reason(), refusal.to_string()),
        Refusal::OtherCurrency => {
            let mut violations = Violations::default();
            let nothing = violations.check("amount.currency_code", Err::<(), _>(refusal));
            violations.all((nothing,)).err().unwrap_or_else(api::internal)
        }
    }
}
