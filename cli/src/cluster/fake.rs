//! An API server that a test makes up: it answers from a function, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// What was asked, as `GET /api/v1/...`, and the body of a write.
pub(crate) type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A client of an API server that answers each request, such as `GET /api/v1/nodes`, with a code and a body.
pub(crate) fn client(answer: impl FnMut(&str, &Value) -> (u16, Value) + Send + 'static) -> (Client, Asked) {
    let asked = Asked::default();
    let (seen, answer) = (Arc::clone(&asked), Arc::new(Mutex::new(answer)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
        async move {
            let line = format!("{} {}", request.method(), request.uri().path());
            let body = request.into_body().collect_bytes().await?;
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (code, told) = (answer.lock().unwrap())(&line, &body);
            seen.lock().unwrap().push((line, body));
            let response = Response::builder().status(code).body(Body::from(told.to_string().into_bytes()));
            Ok::<_, kube::Error>(response.unwrap())
        }
    });
    (Client::new(service, "madang"), asked)
}

/// What an API server says where it refuses.
pub(crate) fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let told = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": format!("refused: {reason}"),
    });
    (code, told)
}

/// Where nothing has that name.
pub(crate) fn missing() -> (u16, Value) {
    refusal(404, "NotFound")
}
