use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::stream;
use http_body_util::BodyExt;
use madang_chassis::{Platform, admin};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};
use tower::ServiceExt;

use crate::raw;
use crate::world::{QUOTE, SERVICE, World};

const LISTED: [&str; 4] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "madang.shipping.v1.ShippingService",
];

async fn get(platform: &Platform, path: &str) -> (StatusCode, String) {
    let router = admin::router(platform, Some("127.0.0.1:50054".parse().unwrap()));
    let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn readyz_lists_what_is_missing() {
    let platform = Platform::test(SERVICE);
    let (database, feed) = (platform.readiness.guard("database"), platform.readiness.guard("feed"));
    let waiting = "waiting for database\nwaiting for feed\n";
    assert_eq!(get(&platform, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, waiting.into()));
    assert_eq!(get(&platform, "/livez").await.0, StatusCode::OK);
    drop((database, feed));
    assert_eq!(get(&platform, "/readyz").await, (StatusCode::OK, "ready\n".into()));
    platform.shutdown.begin();
    let waiting = "waiting for shutdown\n";
    assert_eq!(get(&platform, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, waiting.into()));
    assert_eq!(get(&platform, "/livez").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_is_named_until_it_is_there_or_the_shutdown_begins() {
    let platform = Platform::test(SERVICE);
    let (open, opened) = tokio::sync::oneshot::channel();
    let look = async {
        assert_eq!(platform.readiness.missing(), ["database"]);
        assert_eq!(get(&platform, "/livez").await.0, StatusCode::OK);
        open.send("open").unwrap();
    };
    let (done, ()) = tokio::join!(platform.waits_for("database", opened), look);
    assert_eq!(done, Some(Ok("open")));
    assert!(platform.readiness.is_ready());
    let never = platform.waits_for("database", std::future::pending::<()>());
    let (done, ()) = tokio::join!(never, async { platform.shutdown.begin() });
    assert_eq!(done, None);
    assert_eq!(platform.readiness.missing(), ["shutdown"]);
}

#[tokio::test(start_paused = true)]
async fn info_tells_what_runs_here() {
    let platform = Platform::test(SERVICE);
    let _guard = platform.readiness.guard("database");
    let info: serde_json::Value = serde_json::from_str(&get(&platform, "/info").await.1).unwrap();
    let expected = serde_json::json!({
        "service": "shipping", "version": "0.1.0", "address": "127.0.0.1:50054",
        "ready": false, "missing": ["database"], "uptime_seconds": 0,
    });
    assert_eq!(info, expected);
}

#[tokio::test(start_paused = true)]
async fn health_follows_readiness() {
    let world = World::start();
    let mut health = HealthClient::new(world.client());
    let mut check = async |service: &str| {
        let request = HealthCheckRequest { service: service.into() };
        health.check(request).await.map(|answer| answer.into_inner().status())
    };
    let guard = world.platform.readiness.guard("database");
    assert_eq!(check("").await.unwrap(), ServingStatus::NotServing);
    assert_eq!(check("madang.shipping.v1.ShippingService").await.unwrap(), ServingStatus::NotServing);
    drop(guard);
    assert_eq!(check("").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check("madang.shipping.v1.ShippingService").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check("madang.orders.v1.OrdersService").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_rate_errors_and_duration_with_bounded_labels() {
    let world = World::start();
    world.quote("domestic").await.unwrap();
    world.quote("domestic").await.unwrap();
    raw::quote(&world, "hold", &[("grpc-timeout", "1m")]).await.unwrap_err();
    for path in ["/a.b/C", "/madang.shipping.v1.ShippingService/Nothing"] {
        let message = madang_api::shipping::v1::QuoteShippingRequest::default();
        let (_, status) = raw::call(&world, path, &message, &[]).await;
        assert_eq!(status.code(), Code::Unimplemented);
    }
    let (_, text) = get(&world.platform, "/metrics").await;
    let counts = [
        format!(r#"madang_rpc_server_duration_seconds_count{{method="{QUOTE}",code="OK"}} 2"#),
        format!(r#"madang_rpc_server_duration_seconds_count{{method="{QUOTE}",code="DEADLINE_EXCEEDED"}} 1"#),
        r#"madang_rpc_server_duration_seconds_count{method="other",code="UNIMPLEMENTED"} 2"#.to_owned(),
        format!(r#"madang_rpc_client_duration_seconds_count{{method="{QUOTE}",code="OK"}} 2"#),
        "madang_rpc_server_in_flight 0".to_owned(),
        r#"madang_build_info{service="shipping",version="0.1.0"} 1"#.to_owned(),
    ];
    for line in counts {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(start_paused = true)]
async fn reflection_v1_lists_exactly_the_services() {
    use v1::server_reflection_client::ServerReflectionClient;
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;

    let world = World::start();
    let asks = |message| v1::ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let symbol = "madang.shipping.v1.ShippingService".to_owned();
    let requests = [
        asks(MessageRequest::ListServices(String::new())),
        asks(MessageRequest::FileContainingSymbol(symbol)),
    ];
    let mut client = ServerReflectionClient::new(world.client());
    let mut answers = client.server_reflection_info(stream::iter(requests)).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("not a list")
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, LISTED);
    let file = answers.message().await.unwrap().unwrap().message_response;
    assert!(matches!(file, Some(MessageResponse::FileDescriptorResponse(_))), "{file:?}");
}

#[tokio::test(start_paused = true)]
async fn reflection_v1alpha_lists_exactly_the_services() {
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;

    let world = World::start();
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1alpha::ServerReflectionRequest { host: String::new(), message_request };
    let mut client = ServerReflectionClient::new(world.client());
    let answers = client.server_reflection_info(stream::iter([request])).await;
    let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("not a list") };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, LISTED);
}
