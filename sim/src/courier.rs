//! Calls that arrive much later than they were sent, whether their sender still lives or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use madang_chassis::{Client, Platform};
use tonic::body::Body;
use tower::ServiceExt;

use crate::Trace;
use crate::carrier::host_of;
use crate::host;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Letter {
    /// When it arrives.
    pub(crate) due: Duration,
    /// Its head.
    pub(crate) parts: Parts,
    /// Its content.
    pub(crate) body: Bytes,
}

/// Letters that are on their way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Vec<Letter>>>);

impl Mailbox {
    /// Sends a letter.
    pub(crate) fn post(&self, letter: Letter) {
        self.letters().push(letter);
    }

    /// Whether none is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters().is_empty()
    }

    fn take(&self, now: Duration) -> Vec<Letter> {
        self.letters().extract_if(.., |letter| letter.due <= now).collect()
    }

    fn letters(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings letters when they are due, for ever: the work of a host of its own, which nothing harms.
///
/// # Errors
/// Never.
pub(crate) async fn deliver(mailbox: Mailbox, trace: Trace, platform: Platform) -> turmoil::Result {
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    loop {
        for letter in mailbox.take(trace.now()) {
            let path = letter.parts.uri.path().to_owned();
            let host = host_of(&path).to_owned();
            let client =
                clients.entry(host.clone()).or_insert_with(|| Client::new(host::uri(&host), &platform));
            let (client, trace) = (client.clone(), trace.clone());
            platform.tasks.spawn("letter", bring(letter, path, client, trace));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn bring(letter: Letter, path: String, client: Client, trace: Trace) {
    trace.delivered(format_args!("courier -> {path}"), &letter.body);
    let request = Request::from_parts(letter.parts, Body::new(Full::new(letter.body)));
    let answer = match client.oneshot(request).await {
        Ok(answer) => answer.into_body().collect().await.map(|body| body.to_bytes()),
        Err(status) => Err(status),
    };
    match answer {
        Ok(body) => trace.delivered(format_args!("courier <- {path}"), &body),
        Err(status) => trace.tell(format_args!("courier <- {path} failed: {:?}", status.code())),
    }
}
