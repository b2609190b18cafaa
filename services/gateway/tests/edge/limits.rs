//! Rates and request ids.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use madang_api::error;
use madang_chassis::{Listener, Network};
use tokio::net::TcpSocket;
use tonic::Code;

use crate::client::{Answer, request};
use crate::orders::KEY;
use crate::shop::Shop;

const ONE_A_SECOND: [&str; 2] = ["--rate-limit=1", "--rate-burst=2"];

async fn from(shop: &Shop, forwarded: &str) -> Answer {
    let headers = [("x-forwarded-for", forwarded)];
    shop.send(request(Method::GET, "/api/products", &headers, "")).await
}

fn behind(hops: &str) -> Shop {
    Shop::with(&[&ONE_A_SECOND[..], &[hops]].concat())
}

#[tokio::test(start_paused = true)]
async fn a_client_beyond_its_rate_waits() {
    let shop = behind("--trusted-hops=0");
    for _ in 0..2 {
        assert_eq!(shop.get("/api/products").await.status, 200);
    }
    let refused = shop.get("/api/products").await;
    refused.problem(429, "RATE_LIMITED");
    assert_eq!(refused.headers["retry-after"], "1");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(shop.get("/api/products").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_rate_is_told_when_to_come_again() {
    let shop = behind("--trusted-hops=0");
    let path = "/madang.catalog.v1.CatalogService/ListProducts";
    for _ in 0..2 {
        assert_eq!(shop.call(path, &[], &[]).await.grpc_status().code(), Code::Ok);
    }
    let status = shop.call(path, &[], &[]).await.grpc_status();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(error::reason(&status).as_deref(), Some("RATE_LIMITED"));
    assert!(error::retry_after(&status).unwrap() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn behind_one_edge_the_client_is_the_last_entry() {
    let shop = behind("--trusted-hops=1");
    for _ in 0..2 {
        assert_eq!(from(&shop, "1.1.1.1").await.status, 200);
    }
    assert_eq!(from(&shop, "1.1.1.1").await.status, 429);
    assert_eq!(from(&shop, "2.2.2.2").await.status, 200);
    assert_eq!(from(&shop, "7.7.7.7, 1.1.1.1").await.status, 429, "what a client claims does not help it");
}

#[tokio::test(start_paused = true)]
async fn behind_two_proxies_it_is_the_one_before() {
    let shop = behind("--trusted-hops=2");
    for _ in 0..2 {
        assert_eq!(from(&shop, "1.1.1.1, 10.0.0.9").await.status, 200);
    }
    assert_eq!(from(&shop, "1.1.1.1, 10.0.0.9").await.status, 429);
    assert_eq!(from(&shop, "2.2.2.2, 10.0.0.9").await.status, 200, "the proxy is not the client");
}

#[tokio::test(start_paused = true)]
async fn without_a_proxy_the_header_means_nothing() {
    let shop = behind("--trusted-hops=0");
    for claim in ["1.1.1.1", "2.2.2.2"] {
        assert_eq!(from(&shop, claim).await.status, 200);
    }
    assert_eq!(from(&shop, "3.3.3.3").await.status, 429);
}

#[tokio::test]
async fn without_a_proxy_the_client_is_the_peer() {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shop = Shop::on(Network::new(), listener, &["--rate-limit=1", "--rate-burst=1"]);
    let get = async |local: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((local, 0))).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let (mut sender, connection) =
            http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.unwrap();
        shop.platform.tasks.spawn("connection", async move { drop(connection.await) });
        sender.send_request(request(Method::GET, "/", &[], "")).await.unwrap().status().as_u16()
    };
    assert_eq!(get([127, 0, 0, 1]).await, 200);
    assert_eq!(get([127, 0, 0, 1]).await, 429);
    assert_eq!(get([127, 0, 0, 2]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_a_request_id() {
    let shop = behind("--trusted-hops=0");
    let ids: Vec<_> = [shop.get("/nothing").await, shop.get("/").await, shop.get("/").await]
        .iter()
        .map(|answer| answer.headers["x-request-id"].to_str().unwrap().to_owned())
        .collect();
    assert!(ids.iter().all(|id| id.len() == 36) && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_uuid_is_taken_as_request_id() {
    let shop = Shop::open();
    let given = async |id: &str| {
        let answer = shop.send(request(Method::GET, "/", &[("x-request-id", id)], "")).await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(given(KEY).await, KEY);
    for bad in ["1", "<script>", &"x".repeat(36), ""] {
        let id = given(bad).await;
        assert!(id != bad && id.len() == 36, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_are_taken_on_at_once_are_refused() {
    let shop = Shop::with(&["--max-concurrency=1"]);
    let (slow, refused) = tokio::join!(shop.get("/api/products/slow-one"), async {
        // The slow one waits for its service by then.
        tokio::time::advance(Duration::from_secs(1)).await;
        shop.get("/api/products").await
    });
    slow.problem(504, "DEADLINE_EXCEEDED");
    refused.problem(429, "OVERLOADED");
    assert_eq!(shop.get("/api/products").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_are_measured_by_route() {
    let shop = Shop::open();
    shop.get("/api/products/tea-cup").await;
    let metrics = shop.platform.metrics.text();
    let line = metrics.lines().find(|line| line.contains("http_server_duration_seconds_count")).unwrap();
    assert!(line.contains(r#"route="/api/products/{id}""#) && line.ends_with(" 1"), "{line}");
}
