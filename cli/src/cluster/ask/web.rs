//! What is no RPC: pages, admin ports, databases and the broker.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Answer, PATIENCE};
use crate::shop::Service;

/// What asks a PostgreSQL server whether it speaks TLS; it answers with one letter.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

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
        let answer = talk(&to, &SSL_REQUEST).await;
        answers.push((to, "postgres", answer));
    }
    let to = "nats:4222".to_owned();
    let answer = talk(&to, &[]).await;
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

/// Says something and waits for one byte. The mesh can refuse a protocol that it does not know only by closing the connection.
async fn talk(to: &str, words: &[u8]) -> Answer {
    let heard = timeout(PATIENCE, async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(words).await?;
        let mut byte = [0];
        stream.read(&mut byte).await
    });
    match heard.await {
        Ok(Ok(1)) => Answer::Allowed("spoke".to_owned()),
        Ok(Ok(_)) => Answer::Denied,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => Answer::Denied,
        Ok(Err(error)) => Answer::Unreachable(error.to_string()),
        Err(_) => Answer::Unreachable("no word".to_owned()),
    }
}
