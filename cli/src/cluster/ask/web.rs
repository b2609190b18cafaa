//! What is no RPC: pages, admin ports, databases and the broker.

use std::io::ErrorKind;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Answer, PATIENCE};
use crate::shop::Service;

/// What asks a PostgreSQL server whether it speaks TLS; it answers with one letter.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A client without a name: the server itself refuses it, in its own words.
const NATS_CONNECT: &[u8] = b"CONNECT {}\r\nPING\r\n";
const NATS_REFUSAL: &[u8] = b"-ERR";
/// No answer is longer.
const MUCH: usize = 64 * 1024;

/// Asks all of them.
pub(super) async fn all() -> Vec<(String, &'static str, Answer)> {
    let mut answers = Vec::new();
    for service in Service::ALL {
        let admin = format!("{service}:{}", service.port().saturating_add(100));
        for path in ["/info", "/readyz", "/metrics"] {
            answers.push((admin.clone(), path, get(&admin, path).await));
        }
    }
    for service in [Service::Gateway, Service::Console] {
        let to = format!("{service}:{}", service.port());
        let answer = get(&to, "/").await;
        answers.push((to, "/", answer));
    }
    for service in Service::ALL.into_iter().filter(|service| service.owns_data()) {
        let to = format!("{service}-postgres:5432");
        let answer = talk(&to, &SSL_REQUEST, b"").await;
        answers.push((to, "postgres", answer));
    }
    let to = "nats:4222".to_owned();
    let answer = talk(&to, NATS_CONNECT, NATS_REFUSAL).await;
    answers.push((to, "nats", answer));
    answers
}

async fn get(to: &str, path: &str) -> Answer {
    let asked = timeout(PATIENCE, reqwest::get(format!("http://{to}{path}"))).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Answer::Unreachable(error.to_string()),
        Err(_) => return Answer::Unreachable("no answer".to_owned()),
    };
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    match status {
        StatusCode::FORBIDDEN if text.contains("RBAC") => Answer::Denied,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE if !text.starts_with('{') => {
            Answer::Unreachable(text)
        }
        status => Answer::Allowed(status.to_string()),
    }
}

/// Says something and waits for words in the answer. The mesh can refuse a protocol that it does not know only by closing the
/// connection, and does so at the first word of the client: what a server says before is heard by everybody.
async fn talk(to: &str, words: &[u8], wanted: &[u8]) -> Answer {
    let heard = timeout(PATIENCE, async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(words).await?;
        let mut heard = Vec::new();
        let mut part = [0; 512];
        loop {
            let length = stream.read(&mut part).await?;
            heard.extend_from_slice(part.get(..length).unwrap_or_default());
            if length == 0 || heard.len() > MUCH {
                return Ok(false);
            }
            if wanted.is_empty() || heard.windows(wanted.len()).any(|window| window == wanted) {
                return Ok(true);
            }
        }
    });
    match heard.await {
        Ok(Ok(true)) => Answer::Allowed("spoke".to_owned()),
        Ok(Ok(false)) => Answer::Denied,
        Ok(Err(error)) => closed(&error),
        Err(_) => Answer::Unreachable("no word".to_owned()),
    }
}

fn closed(error: &std::io::Error) -> Answer {
    if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
        return Answer::Denied;
    }
    Answer::Unreachable(error.to_string())
}
