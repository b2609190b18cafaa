//! What can be seen and reached from outside.

use futures::StreamExt;
use madang_api::error;
use madang_api::json::descriptors;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use tonic_reflection::pb::{v1, v1alpha};

use crate::shop::Shop;

const SERVED: [&str; 6] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "madang.catalog.v1.CatalogService",
    "madang.notifications.v1.NotificationsService",
    "madang.orders.v1.OrdersService",
];

fn told(status: &Status) -> (Code, Option<String>) {
    (status.code(), error::reason(status))
}

#[tokio::test(start_paused = true)]
async fn every_rpc_of_the_contracts_passes_or_is_refused_as_the_design_says() {
    let shop = Shop::open();
    let (mut passed, mut refused) = (0, 0);
    for rpc in descriptors().services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let service = rpc.parent_service().full_name().to_owned();
        let path = format!("/{service}/{}", rpc.name());
        let status = shop.call(&path, &[], &[]).await.grpc_status();
        if SERVED.contains(&service.as_str()) && rpc.name() != "UpsertProduct" {
            passed += 1;
            let answered = [Code::Ok, Code::InvalidArgument].contains(&status.code());
            assert!(answered, "{path}: {status:?}");
        } else {
            refused += 1;
            assert_eq!(told(&status), (Code::PermissionDenied, Some("NOT_AT_THE_EDGE".to_owned())), "{path}");
        }
    }
    assert_eq!(passed, 4 + 5 + 2);
    assert!(refused > 20, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_no_contract_has_is_unimplemented() {
    let shop = Shop::open();
    for path in [
        "/madang.catalog.v1.CatalogService/Nothing",
        "/madang.nothing.v1.NothingService/Get",
        "/madang.catalog.v1.CatalogService/GetProduct/more",
        "/nothing",
        // What is asked as gRPC is a call, also where there is a page.
        "/",
    ] {
        let status = shop.call(path, &[], &[]).await.grpc_status();
        assert_eq!(told(&status), (Code::Unimplemented, Some("UNKNOWN_RPC".to_owned())), "{path}");
    }
    let status = shop.call("/grpc.health.v1.Health/Nothing", &[], &[]).await.grpc_status();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn faults_cannot_be_set_from_outside_even_where_they_are_on() {
    let shop = Shop::with(&["--faults"]);
    let status = shop.call("/madang.faults.v1.FaultService/ListFaults", &[], &[]).await.grpc_status();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn reflection_lists_what_is_served_and_describes_it() {
    let shop = Shop::open();
    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let symbol = "madang.catalog.v1.CatalogService".to_owned();
    let asked = [MessageRequest::ListServices(String::new()), MessageRequest::FileContainingSymbol(symbol)];
    let requests = futures::stream::iter(asked.map(ask));
    let answers = ServerReflectionClient::new(shop.channel()).server_reflection_info(requests).await.unwrap();
    let answers: Vec<_> = answers.into_inner().collect().await;
    let message = |answer: &Result<ServerReflectionResponse, Status>| {
        answer.as_ref().unwrap().message_response.clone().unwrap()
    };
    let MessageResponse::ListServicesResponse(list) = message(&answers[0]) else { panic!("no list") };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, SERVED);
    let MessageResponse::FileDescriptorResponse(files) = message(&answers[1]) else { panic!("no file") };
    assert!(!files.file_descriptor_proto.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_older_reflection_is_there_as_well() {
    let shop = Shop::open();
    let list = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(shop.channel());
    let mut answers =
        client.server_reflection_info(futures::stream::iter([list])).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
    let _v1: fn() -> v1::ServerReflectionRequest = Default::default;
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_the_gateway_and_of_what_it_passes() {
    let shop = Shop::open();
    let mut health = HealthClient::new(shop.channel());
    for service in ["", "madang.orders.v1.OrdersService"] {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "{service}");
    }
    let hidden = HealthCheckRequest { service: "madang.payments.v1.PaymentsService".into() };
    assert_eq!(health.check(hidden).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn the_landing_page_names_the_api_and_runs_nothing() {
    let page = Shop::open().get("/").await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(page.text().contains("/api/products"));
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}
