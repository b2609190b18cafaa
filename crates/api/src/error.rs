//! Errors as all services tell them: a canonical code, and google.rpc.ErrorInfo with a reason in the domain `madang.dev`.
//! Callers choose what to do from code and reason, never from text (google.aip.dev/193).

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The ErrorInfo domain of every error that Madang itself made.
pub const DOMAIN: &str = "madang.dev";

/// The reason of every INVALID_ARGUMENT with field violations.
pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
/// A request_id or order_id came again with other content.
pub const REQUEST_ID_REUSED: &str = "REQUEST_ID_REUSED";
/// The step was undone before it came.
pub const STEP_UNDONE: &str = "STEP_UNDONE";
/// A page token that this list did not make.
pub const INVALID_PAGE_TOKEN: &str = "INVALID_PAGE_TOKEN";
/// More work than the service takes on.
pub const OVERLOADED: &str = "OVERLOADED";
/// The caller's deadline passed.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// The database cannot be reached or refused the group's commit; the same call may be sent again.
pub const DATABASE_UNAVAILABLE: &str = "DATABASE_UNAVAILABLE";
/// Two writers met more often than they were tried again.
pub const CONFLICT: &str = "CONFLICT";
/// A defect; the text is in the log only.
pub const INTERNAL: &str = "INTERNAL";

/// A status with a reason.
pub fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    status_about(code, reason, message, [])
}

/// A status with a reason and facts for programs, such as the products that are out of stock.
pub fn status_about<const N: usize>(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    facts: [(&str, String); N],
) -> Status {
    let facts: HashMap<String, String> =
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, facts))
}

/// Bytes of violations in one answer at most. Errors travel in HTTP/2 trailers, which many peers bound at 8 KiB, encoded.
const MAX_VIOLATION_BYTES: usize = 4096;

/// INVALID_ARGUMENT with all violations of a request, or as many as an answer carries and the number of the others.
pub(crate) fn invalid(mut violations: Vec<FieldViolation>) -> Status {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let message = format!("the request is not valid: {} violation{plural}", violations.len());
    let mut bytes = 0;
    let fitting = violations.iter().take_while(|violation| {
        bytes += violation.field.len() + violation.reason.len() + violation.description.len() + 8;
        bytes <= MAX_VIOLATION_BYTES
    });
    let fitting = fitting.count();
    let left_out = violations.len() - fitting;
    if left_out > 0 {
        violations.truncate(fitting);
        let mut more = FieldViolation::new("", format!("and {left_out} more violations"));
        more.reason = "MORE_VIOLATIONS".to_owned();
        violations.push(more);
    }
    let mut details = ErrorDetails::with_error_info(INVALID_REQUEST, DOMAIN, HashMap::new());
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// INVALID_ARGUMENT with a reason of its own, and the one field that is to blame.
pub fn invalid_field(reason: &str, field: &str, message: impl Into<String>) -> Status {
    let message = message.into();
    let mut violation = FieldViolation::new(field, message.clone());
    reason.clone_into(&mut violation.reason);
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_bad_request(vec![violation]);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// RESOURCE_EXHAUSTED that says when to come again.
pub fn retry_later(reason: &str, message: impl Into<String>, after: Duration) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_retry_info(Some(after));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// INTERNAL that tells the client nothing: the cause belongs in the log.
pub fn internal() -> Status {
    status(Code::Internal, INTERNAL, "internal error")
}

/// A code's name as gRPC has it, such as NOT_FOUND.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The reason of an error that Madang made; none for those of a mesh, a proxy or a library.
pub fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().filter(|info| info.domain == DOMAIN).map(|info| info.reason)
}

/// The facts that go with the reason.
pub fn facts(status: &Status) -> HashMap<String, String> {
    status.get_details_error_info().map(|info| info.metadata).unwrap_or_default()
}

/// The field violations of an INVALID_ARGUMENT: field, reason, description.
pub fn violations(status: &Status) -> Vec<FieldViolation> {
    status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default()
}

/// When a RESOURCE_EXHAUSTED asks to come again.
pub fn retry_after(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_that_grpc_gives_them() {
        assert_eq!(code_name(Code::Ok), "OK");
        assert_eq!(code_name(Code::DeadlineExceeded), "DEADLINE_EXCEEDED");
    }

    #[test]
    fn an_answer_with_very_many_violations_still_fits_into_trailers() {
        let many = |n: usize| {
            (0..n).map(|n| FieldViolation::new(format!("lines[{n}].quantity"), "must be 1 to 9")).collect()
        };
        assert_eq!(violations(&invalid(many(50))).len(), 50);
        let status = invalid(many(1_000));
        let told = violations(&status);
        assert_eq!(told.last().map(|last| last.reason.as_str()), Some("MORE_VIOLATIONS"));
        assert_eq!(
            told.last().map(|last| last.description.clone()),
            Some(format!("and {} more violations", 1_001 - told.len()))
        );
        assert!(status.details().len() < 6 * 1024);
    }
}
