use std::num::NonZeroU16;

use madang_api::error;
use madang_chassis::ServerArgs;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::raw;
use crate::world::{World, reason};

fn one_of_each() -> ServerArgs {
    ServerArgs { max_concurrency: NonZeroU16::MIN, max_streams: NonZeroU16::MIN, ..ServerArgs::default() }
}

#[tokio::test(start_paused = true)]
async fn a_call_too_many_is_shed_and_told_when_to_come_again() {
    let world = World::with(one_of_each());
    let held = world.held().await;
    let shed = world.quote("domestic").await.unwrap_err();
    assert_eq!(shed.code(), Code::ResourceExhausted);
    assert_eq!(reason(&shed).as_deref(), Some("OVERLOADED"));
    assert!(error::retry_after(&shed).is_some());
    // Health is not shed.
    HealthClient::new(world.client()).check(HealthCheckRequest::default()).await.unwrap();
    world.probe.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), "hold");
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
}

#[tokio::test(start_paused = true)]
async fn streams_and_calls_do_not_starve_each_other() {
    let world = World::with(one_of_each());
    let stream = world.track("steps").await.unwrap();
    let shed = world.track("steps").await.unwrap_err();
    assert_eq!(reason(&shed).as_deref(), Some("OVERLOADED"));
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
    drop(stream);
    world.probe.wait_dropped(2).await;
    assert!(world.track("steps").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_call_gives_its_place_back() {
    let world = World::with(one_of_each());
    for _ in 0..3 {
        let status = raw::quote(&world, "hold", &[("grpc-timeout", "10m")]).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_internal_and_tells_the_request_id_only() {
    let world = World::start();
    let status = raw::quote(&world, "panic", &[("x-request-id", "req-7")]).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(reason(&status).as_deref(), Some("INTERNAL"));
    assert_eq!(status.message(), "internal error; the request id is req-7");
    let status = raw::track(&world, "panic", &[("x-request-id", "req-8")]).await;
    assert_eq!(status.message(), "internal error; the request id is req-8");
    // Neither the connection nor the process suffered.
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
    assert!(!world.platform.shutdown.has_begun());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_the_callers_mistake() {
    let world = World::with(ServerArgs::default());
    // Field 1 as bytes, where the RPC has text.
    let not_utf8 = vec![0xff_u8, 0xfe];
    let (_, status) = raw::call(&world, crate::world::QUOTE, &not_utf8, &[]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status).as_deref(), Some("MALFORMED_MESSAGE"));
}
