//! Reads requests: who asks, parameters, bodies, keys.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use madang_api::{Violations, json};
use prost::{Message, Name};
use tonic::metadata::MetadataValue;

use super::MAX_BODY;
use crate::edge::RequestId;
use crate::problem::{BODY_TOO_LARGE, INVALID_JSON, Problem};

/// Who asks; for now no more than the request's id, which goes along with every call.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub(super) RequestId);

impl Caller {
    /// A call made for this request.
    pub(super) fn ask<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        if let Ok(id) = MetadataValue::try_from(self.0.as_str()) {
            request.metadata_mut().insert("x-request-id", id);
        }
        request
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().map(Self).ok_or_else(Problem::internal)
    }
}

/// The id in a path, decoded.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| invalid("id", "must be UTF-8"))
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Params {
    given: Vec<(String, String)>,
    violations: Violations,
}

impl Params {
    /// Reads a query that may have these parameters, each once.
    pub(super) fn read(uri: &Uri, allowed: &[&str]) -> Self {
        let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let given = read.map(|Query(given)| given).unwrap_or_default();
        let mut violations = Violations::default();
        for (index, (name, value)) in given.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                violations.add(name, "UNKNOWN_PARAMETER", format_args!("is none of {}", allowed.join(", ")));
            } else if given[..index].iter().any(|(earlier, _)| earlier == name) {
                violations.add(name, "DUPLICATE", "is given twice");
            } else if value.contains(char::REPLACEMENT_CHARACTER) {
                // This is what is left of bytes that are not UTF-8.
                violations.add(name, "INVALID_VALUE", "must be UTF-8");
            }
        }
        Self { given, violations }
    }

    /// A parameter; empty where it is not given.
    pub(super) fn text(&self, name: &str) -> String {
        self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A number; the default where it is not given or wrong, which [`Params::check`] tells.
    pub(super) fn number<T: FromStr<Err: Display> + Default>(&mut self, name: &str) -> T {
        match self.text(name) {
            text if text.is_empty() => T::default(),
            text => self.violations.parse(name, &text).unwrap_or_default(),
        }
    }

    /// Whether all of them are right.
    ///
    /// # Errors
    /// INVALID_REQUEST with every violation.
    pub(super) fn check(self) -> Result<(), Problem> {
        self.violations.all((Some(()),)).map(drop).map_err(Problem::from)
    }
}

/// The message in a request's body.
pub(super) async fn body<M: Message + Name + Default>(request: Request) -> Result<M, Problem> {
    json_only(request.headers())?;
    parse(&bytes(request).await?)
}

/// The same where the body may be left out.
pub(super) async fn optional_body<M: Message + Name + Default>(request: Request) -> Result<M, Problem> {
    let format = json_only(request.headers());
    let bytes = bytes(request).await?;
    if bytes.is_empty() {
        return Ok(M::default());
    }
    format?;
    parse(&bytes)
}

/// Takes the header Idempotency-Key as the request_id, where the body has none. The IETF's draft writes it in quotes.
pub(super) fn take_key(headers: &HeaderMap, request_id: &mut String) -> Result<(), Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(()) };
    let key = key.to_str().unwrap_or_default().trim().trim_matches('"');
    if request_id.is_empty() {
        key.clone_into(request_id);
    }
    if !request_id.eq_ignore_ascii_case(key) {
        return Err(invalid("request_id", "is not what the header Idempotency-Key says"));
    }
    Ok(())
}

/// INVALID_REQUEST for one field.
pub(super) fn invalid(field: &str, description: &str) -> Problem {
    let mut violations = Violations::default();
    violations.add(field, "INVALID_VALUE", description);
    violations.all((Some(()),)).err().map_or_else(Problem::internal, Problem::from)
}

fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "the body must be application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail))
}

async fn bytes(request: Request) -> Result<bytes::Bytes, Problem> {
    let read = Limited::new(request.into_body(), MAX_BODY).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
        true => {
            let detail = "the body may have 64 KiB at most";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, BODY_TOO_LARGE, detail)
        }
        false => Problem::new(StatusCode::BAD_REQUEST, INVALID_JSON, "the body ended early"),
    })
}

fn parse<M: Message + Name + Default>(bytes: &[u8]) -> Result<M, Problem> {
    let refused = |detail: String| Problem::new(StatusCode::BAD_REQUEST, INVALID_JSON, detail);
    std::str::from_utf8(bytes).map_err(|error| refused(format!("the body is not UTF-8: {error}")))?;
    json::from_slice(bytes).map_err(|error| match error {
        json::Error::Json(error) => refused(format!("the body is no {}: {error}", M::NAME)),
        json::Error::UnknownMessage(_) | json::Error::Decode(_) => {
            tracing::error!(%error, message = M::NAME, "a message cannot be read from JSON");
            Problem::internal()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(header: &'static str, body: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(
            header::HeaderName::from_static("idempotency-key"),
            header::HeaderValue::from_static(header),
        )]);
        let mut request_id = body.to_owned();
        take_key(&headers, &mut request_id).ok().map(|()| request_id)
    }

    #[test]
    fn the_key_stands_in_the_header_or_in_the_body() {
        assert_eq!(key("a1", "").as_deref(), Some("a1"));
        assert_eq!(key("\"a1\"", "").as_deref(), Some("a1"));
        assert_eq!(key("A1", "a1").as_deref(), Some("a1"));
        assert_eq!(key("b2", "a1"), None);
    }

    #[test]
    fn every_bad_parameter_is_noted() {
        let uri = Uri::from_static("/?page_size=many&colour=blue&q=%FF&page_token=a&page_token=b");
        let mut params = Params::read(&uri, &["page_size", "page_token", "q"]);
        assert_eq!(params.number::<i32>("page_size"), 0);
        let told = params.check().unwrap_err().to_json(&RequestId::test());
        let fields: Vec<_> =
            told["violations"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
        assert_eq!(fields, ["colour", "q", "page_token", "page_size"]);
    }
}
