use axum::Router;
use axum::routing::get;
use madang_api::shipping::v1::shipping_service_server::ShippingServiceServer;
use madang_chassis::{Client, Listener, Platform, Server, ServerArgs, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

use crate::fake::{Fake, Probe};
use crate::world::{SERVICE, quote, seconds};

fn fake() -> ShippingServiceServer<Fake> {
    ShippingServiceServer::new(Fake { probe: Probe::new(), next: None })
}

async fn bind() -> (Listener, std::net::SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn a_server_is_reached_over_tcp() {
    let (listener, address) = bind().await;
    let platform = Platform::test(SERVICE);
    let server = Server::new(&platform, &ServerArgs::default()).add_service(fake());
    assert!(!platform.readiness.is_ready());
    platform.tasks.spawn("server", async move { server.serve(listener).await.unwrap() });
    platform.readiness.ready().await;
    let client = Client::new(format!("http://{address}").parse().unwrap(), &platform);
    assert_eq!(quote(client.clone(), "domestic").await.unwrap(), "domestic");
    platform.shutdown.begin();
    assert!(platform.tasks.wait(seconds(10)).await);
    assert_eq!(quote(client, "domestic").await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn http_and_grpc_share_a_port() {
    let (listener, address) = bind().await;
    let (platform, args) = (Platform::test(SERVICE), ServerArgs::default());
    let grpc = Server::new(&platform, &args).add_service(fake()).into_service().unwrap();
    let grpc = tower::util::MapRequest::new(grpc, |request: http::Request<axum::body::Body>| {
        request.map(tonic::body::Body::new)
    });
    let router = Router::new().route("/", get(async || "the shop")).fallback_service(grpc);
    let serving = platform.clone();
    platform.tasks.spawn("server", async move { web::serve(&serving, &args, listener, router).await });
    let client = Client::new(format!("http://{address}").parse().unwrap(), &platform);
    assert_eq!(quote(client, "domestic").await.unwrap(), "domestic");
    let mut browser = tokio::net::TcpStream::connect(address).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("the shop"), "{page}");
    platform.shutdown.begin();
    assert!(platform.tasks.wait(seconds(10)).await);
}
