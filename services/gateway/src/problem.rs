//! Errors as HTTP tells them: problem details (RFC 9457) out of a gRPC status.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use madang_api::error;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::FieldViolation;

use crate::edge::RequestId;

/// The body is not JSON, or not of the message's form.
pub(crate) const INVALID_JSON: &str = "INVALID_JSON";
/// The body, or a gRPC message, is longer than 64 KiB.
pub(crate) const BODY_TOO_LARGE: &str = "BODY_TOO_LARGE";
/// The body is of a type that is not taken.
pub(crate) const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
/// The client sends more than its rate.
pub(crate) const RATE_LIMITED: &str = "RATE_LIMITED";

/// What went wrong. As a response it is empty until [`render`] writes it with the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    reason: String,
    detail: String,
    violations: Vec<FieldViolation>,
    facts: Value,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of HTTP itself.
    pub(crate) fn new(status: StatusCode, reason: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            reason: reason.to_owned(),
            detail: detail.into(),
            violations: Vec::new(),
            facts: json!({}),
            retry_after: None,
        }))
    }

    /// A defect. What it is stands in the log only.
    pub(crate) fn internal() -> Self {
        Self::from(Status::internal(""))
    }

    /// The problem in JSON.
    pub(crate) fn to_json(&self, id: &RequestId) -> Value {
        let violation = |violation: &FieldViolation| {
            json!({
                "field": violation.field,
                "reason": violation.reason,
                "description": violation.description,
            })
        };
        let details = &self.0;
        json!({
            "type": "about:blank",
            "title": details.status.canonical_reason().unwrap_or("Client Closed Request"),
            "status": details.status.as_u16(),
            "detail": details.detail,
            "reason": details.reason,
            "violations": details.violations.iter().map(violation).collect::<Vec<_>>(),
            "facts": details.facts,
            "request_id": id.as_str(),
        })
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let hidden = matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
        let (code, http) = told(status.code());
        let reason = error::reason(&status);
        if hidden {
            tracing::warn!(rpc.code = code, reason, detail = status.message(), "a call failed inside");
            let detail = "an error inside the shop; its log has it under this request id";
            return Self::new(http, error::INTERNAL, detail);
        }
        Self(Box::new(Details {
            status: http,
            facts: if reason.is_some() { json!(error::facts(&status)) } else { json!({}) },
            // What no service of the shop said, such as that one cannot be reached, has only its code.
            reason: reason.unwrap_or_else(|| code.to_owned()),
            detail: status.message().to_owned(),
            violations: error::violations(&status),
            retry_after: error::retry_after(&status),
        }))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a problem that a response carries, with the request's id.
pub(crate) fn render(response: &mut Response, id: &RequestId) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    *response.body_mut() = Body::from(problem.to_json(id).to_string());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = problem.0.retry_after {
        // Whole seconds are all that the header has; sooner than asked would be refused again.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

/// A code's name, and its HTTP status as google.rpc.code says.
fn told(code: Code) -> (&'static str, StatusCode) {
    match code {
        Code::Ok => ("OK", StatusCode::OK),
        Code::Cancelled => ("CANCELLED", client_closed_request()),
        Code::Unknown => ("UNKNOWN", StatusCode::INTERNAL_SERVER_ERROR),
        Code::InvalidArgument => ("INVALID_ARGUMENT", StatusCode::BAD_REQUEST),
        Code::DeadlineExceeded => ("DEADLINE_EXCEEDED", StatusCode::GATEWAY_TIMEOUT),
        Code::NotFound => ("NOT_FOUND", StatusCode::NOT_FOUND),
        Code::AlreadyExists => ("ALREADY_EXISTS", StatusCode::CONFLICT),
        Code::PermissionDenied => ("PERMISSION_DENIED", StatusCode::FORBIDDEN),
        Code::ResourceExhausted => ("RESOURCE_EXHAUSTED", StatusCode::TOO_MANY_REQUESTS),
        Code::FailedPrecondition => ("FAILED_PRECONDITION", StatusCode::BAD_REQUEST),
        Code::Aborted => ("ABORTED", StatusCode::CONFLICT),
        Code::OutOfRange => ("OUT_OF_RANGE", StatusCode::BAD_REQUEST),
        Code::Unimplemented => ("UNIMPLEMENTED", StatusCode::NOT_IMPLEMENTED),
        Code::Internal => ("INTERNAL", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unavailable => ("UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
        Code::DataLoss => ("DATA_LOSS", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unauthenticated => ("UNAUTHENTICATED", StatusCode::UNAUTHORIZED),
    }
}

/// 499 is nginx's, and has no name in the http crate.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_http_status_of_google_rpc_code() {
        let expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        for (code, expected) in (0..).zip(expected) {
            assert_eq!(told(Code::from_i32(code)).1.as_u16(), expected, "{code}");
        }
    }

    #[test]
    fn the_text_of_a_defect_is_not_told() {
        for code in [Code::Internal, Code::Unknown, Code::DataLoss] {
            let problem = Problem::from(error::status(code, "INDEX_BROKEN", "row 7 of stock is bad"));
            let told = problem.to_json(&RequestId::test()).to_string();
            assert!(!told.contains("row 7") && !told.contains("INDEX_BROKEN"), "{told}");
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        let status = error::retry_later(RATE_LIMITED, "slower", Duration::from_millis(1001));
        let mut response = Problem::from(status).into_response();
        render(&mut response, &RequestId::test());
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
