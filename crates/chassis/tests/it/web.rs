use std::num::NonZeroU16;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use madang_chassis::{Connector, Listener, Platform, ServerArgs, Shutdown, Tasks, web};
use tokio::sync::{Notify, Semaphore};
use tower::{Service, ServiceExt};

use crate::world::{SERVICE, seconds};

type Page = (u16, String);

async fn fetch(mut connector: Connector, path: &str) -> Page {
    let io: TokioIo<_> = connector.ready().await.unwrap().call("http://shop".parse().unwrap()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let tasks = Tasks::new(Shutdown::new());
    tasks.spawn("connection", async move {
        let _ended = connection.await.is_ok();
    });
    let request = http::Request::get(format!("http://shop{path}")).header("x-request-id", "req-9");
    let answer = sender.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn serve(router: Router, args: ServerArgs) -> (Platform, Connector) {
    let platform = Platform::test(SERVICE);
    let (listener, connector) = Listener::memory();
    let serving = platform.clone();
    platform.tasks.spawn("server", async move { web::serve(&serving, &args, listener, router).await });
    (platform, connector)
}

#[tokio::test(start_paused = true)]
async fn pages_are_measured_by_route_and_a_panic_is_a_500() {
    let router = Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/panic", get(async || -> &'static str { panic!("the safe's code is 1234") }));
    let (platform, connector) = serve(router, ServerArgs::default());
    assert_eq!(fetch(connector.clone(), "/orders/1").await, (200, "an order".into()));
    assert_eq!(fetch(connector.clone(), "/orders/2").await.0, 200);
    assert_eq!(fetch(connector.clone(), "/nothing/3").await.0, 404);
    let expected = "internal error; the request id is req-9\n";
    assert_eq!(fetch(connector, "/panic").await, (500, expected.into()));
    let text = platform.metrics.text();
    for labels in [
        r#"method="GET",route="/orders/{id}",status="200"} 2"#,
        r#"method="GET",route="other",status="404"} 1"#,
        r#"method="GET",route="/panic",status="500"} 1"#,
    ] {
        assert!(text.contains(&format!("madang_http_server_duration_seconds_count{{{labels}")), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_too_many_is_told_to_come_again() {
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (begin, hold) = (Arc::clone(&begun), Arc::clone(&gate));
    let slow = move || async move {
        begin.notify_one();
        hold.acquire().await.unwrap().forget();
        "done"
    };
    let args = ServerArgs { max_concurrency: NonZeroU16::MIN, ..ServerArgs::default() };
    let (platform, connector) = serve(Router::new().route("/", get(slow)), args);
    let held = fetch(connector.clone(), "/");
    let other = async {
        begun.notified().await;
        let shed = fetch(connector.clone(), "/").await;
        platform.shutdown.begin();
        gate.add_permits(1);
        shed
    };
    let (held, shed) = futures::join!(held, other);
    assert_eq!((held.0, shed.0), (200, 503));
    assert!(platform.tasks.wait(seconds(1)).await);
}
