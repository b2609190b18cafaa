//! How a call failed, and whether it may have been done all the same.

use std::fmt;

use madang_api::error::{self, code_name};
use serde::Serialize;
use tonic::{Code, Status};

/// How a call failed: by what callers act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Failure {
    /// The code's name as gRPC has it, such as UNAVAILABLE.
    pub code: &'static str,
    /// The ErrorInfo's reason; none where no service of the shop made the error.
    pub reason: Option<String>,
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        Self { code: code_name(status.code()), reason: error::reason(status) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} {reason}", self.code),
            None => f.write_str(self.code),
        }
    }
}

/// What a service says that has not begun.
const NOTHING_WAS_DONE: [&str; 2] = ["PRICING_UNAVAILABLE", error::OVERLOADED];

/// Whether a write may have been done though this was the answer. If so, only a repeat by its request_id can tell.
pub(crate) fn may_be_done(status: &Status) -> bool {
    let reason = error::reason(status);
    if reason.as_deref().is_some_and(|reason| NOTHING_WAS_DONE.contains(&reason)) {
        return false;
    }
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => false,
        // The shop's own is a limit, before anything begins; another's may be of an answer that is too large.
        Code::ResourceExhausted => reason.is_none(),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_shop_has_its_reason_and_one_of_others_its_code_alone() {
        let of_the_shop = error::status(Code::NotFound, "PRODUCT_NOT_FOUND", "no such product");
        let failure = Failure::from(&of_the_shop);
        assert_eq!((failure.code, failure.reason.as_deref()), ("NOT_FOUND", Some("PRODUCT_NOT_FOUND")));
        assert_eq!(failure.to_string(), "NOT_FOUND PRODUCT_NOT_FOUND");
        let of_the_network = Failure::from(&Status::unavailable("tcp connect error"));
        assert_eq!((of_the_network.code, of_the_network.reason), ("UNAVAILABLE", None));
        let of_a_proxy = Status::deadline_exceeded("upstream request timeout");
        assert_eq!(Failure::from(&of_a_proxy).to_string(), "DEADLINE_EXCEEDED");
    }

    #[test]
    fn only_what_is_surely_not_done_is_taken_for_refused() {
        for (code, reason) in [
            (Code::InvalidArgument, "INVALID_REQUEST"),
            (Code::FailedPrecondition, "REGION_NOT_SERVED"),
            (Code::ResourceExhausted, "RATE_LIMITED"),
            (Code::ResourceExhausted, error::OVERLOADED),
            (Code::Unavailable, "PRICING_UNAVAILABLE"),
        ] {
            assert!(!may_be_done(&error::status(code, reason, "")), "{reason}");
        }
        for status in [
            Status::unavailable("connection reset"),
            Status::deadline_exceeded(""),
            Status::cancelled(""),
            Status::unknown(""),
            Status::resource_exhausted("an answer too large"),
            error::status(Code::Unavailable, error::DATABASE_UNAVAILABLE, ""),
            error::internal(),
        ] {
            assert!(may_be_done(&status), "{status:?}");
        }
    }
}
