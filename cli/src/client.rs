//! Calls to the shop: connections with time-outs, deadlines that the service sees, and lists read to their end.

use madang_api::within;
use std::time::Duration;

use anyhow::{Context, Result};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::exit::Unreachable;

/// How long a call may take where nothing else is said.
pub const USUAL: Duration = Duration::from_secs(10);
/// Rows asked for at once: the most that a service gives.
pub const PAGE_SIZE: i32 = 200;

const CONNECT: Duration = Duration::from_secs(3);
/// Lists longer than this are a service that never ends its pages.
const MAX_PAGES: usize = 100_000;

/// Connects to a service.
///
/// # Errors
/// [`Unreachable`] where nothing listens there.
pub async fn connect(url: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .with_context(|| format!("`{url}` is no address of a service"))?;
    let connection = endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect().await;
    Ok(connection.map_err(|_| Unreachable { url: url.to_owned() })?)
}

/// A call that may take [`USUAL`].
pub fn call<T>(message: T) -> Request<T> {
    within(USUAL, message)
}

/// Reads a list page by page: `page` gets a token and answers rows and the next token.
///
/// # Errors
/// The first refusal.
pub async fn all<T>(
    page: impl AsyncFn(String) -> Result<(Vec<T>, String), Status>,
) -> Result<Vec<T>, Status> {
    let (mut rows, mut token) = page(String::new()).await?;
    for _ in 1..MAX_PAGES {
        if token.is_empty() {
            return Ok(rows);
        }
        let (more, next) = page(token).await?;
        rows.extend(more);
        token = next;
    }
    Err(Status::internal("the list does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_is_read_until_there_is_no_next_page() {
        let pages = async |token: String| {
            Ok(match token.as_str() {
                "" => (vec![1, 2], "a".to_owned()),
                "a" => (vec![], "b".to_owned()),
                _ => (vec![3], String::new()),
            })
        };
        assert_eq!(all(pages).await.unwrap(), [1, 2, 3]);
    }
}
