//! Reads requests: who asks, parameters, bodies, keys.

use std::fmt::Display;

use axum::extract::{FromRequestParts, Path, Query, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use madang_api::{Violations, json, page};
use prost::{Message, Name};
use tonic::metadata::MetadataValue;

use super::MAX_BODY;
use crate::edge::RequestId;
use crate::problem::{BODY_TOO_LARGE, INVALID_JSON, Problem, UNSUPPORTED_MEDIA_TYPE};

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

/// The id in a path, decoded. Its routes have no parameters.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut params = Params::read(&parts.uri, &[]);
        let id = Path::from_request_parts(parts, state).await.ok();
        if id.is_none() {
            params.note("id", "must be UTF-8");
        }
        params.check()?;
        id.map(|Path(id)| Self(id)).ok_or_else(Problem::internal)
    }
}

/// The parameters of a query, and what is wrong with them and with what the request says besides.
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
                let known = if allowed.is_empty() { "no parameter".to_owned() } else { allowed.join(", ") };
                violations.add(name, "UNKNOWN_PARAMETER", format_args!("is unknown; this route has {known}"));
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

    /// The size of a page; 0, the default, where it is not given or wrong, which [`Params::check`] tells.
    pub(super) fn page_size(&mut self) -> i32 {
        let text = self.text("page_size");
        let size = if text.is_empty() { Some(0) } else { text.parse().ok().filter(|size| *size >= 0) };
        if size.is_none() {
            let (most, page) = (i32::MAX, page::MAX_SIZE);
            self.note(
                "page_size",
                format_args!("must be a number from 0 to {most}; a page has {page} at most"),
            );
        }
        size.unwrap_or_default()
    }

    /// Takes the header Idempotency-Key as the request_id, where the body has none. The IETF's draft writes it in quotes.
    pub(super) fn take_key(&mut self, headers: &HeaderMap, request_id: &mut String) {
        let Some(key) = headers.get("idempotency-key") else { return };
        let key = key.to_str().unwrap_or_default().trim().trim_matches('"');
        if request_id.is_empty() {
            key.clone_into(request_id);
        }
        if !request_id.eq_ignore_ascii_case(key) {
            self.note("request_id", "is not what the header Idempotency-Key says");
        }
    }

    /// Notes what is wrong with a field.
    pub(super) fn note(&mut self, field: &str, description: impl Display) {
        self.violations.add(field, "INVALID_VALUE", description);
    }

    /// Whether all is right.
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

fn json_only(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = "the body must be application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, UNSUPPORTED_MEDIA_TYPE, detail))
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
        let mut params = Params::read(&Uri::from_static("/"), &[]);
        params.take_key(&headers, &mut request_id);
        params.check().ok().map(|()| request_id)
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
        assert_eq!(params.page_size(), 0);
        let told = params.check().unwrap_err().to_json(&RequestId::test());
        let fields: Vec<_> =
            told["violations"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
        assert_eq!(fields, ["colour", "q", "page_token", "page_size"]);
    }
}
