//! A small HTTP client.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

const ANSWER: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// Reads a URL.
///
/// # Errors
/// Where there is no whole answer in time.
pub async fn get(url: &str) -> Result<Answer> {
    send(Method::GET, url, &[], "").await
}

/// Posts JSON.
///
/// # Errors
/// Where there is no whole answer in time.
pub async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    send(Method::POST, url, &headers, &body.to_string()).await
}

async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let answer = async {
        // A client for each request, so that none waits on a connection whose server was killed.
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let (head, body) = client.request(request).await?.into_parts();
        let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
        anyhow::Ok(Answer { status: head.status, headers: head.headers, text })
    };
    timeout(ANSWER, answer)
        .await
        .with_context(|| format!("{url} did not answer in time"))?
        .with_context(|| url.to_owned())
}
