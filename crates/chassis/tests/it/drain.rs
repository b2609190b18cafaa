use madang_chassis::{Network, ServerArgs};
use tokio::time::Instant;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::world::{World, client, on, quote, reason, seconds, serve};

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_ends_and_health_turns() {
    let world = World::start();
    let held = world.held().await;
    let mut health = HealthClient::new(world.client());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    world.platform.shutdown.begin();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap(), None);
    // A new connection is refused.
    assert_eq!(world.quote("domestic").await.unwrap_err().code(), Code::Unavailable);

    assert_eq!(world.platform.tasks.len(), 1);
    world.probe.gate.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), "hold");
    assert!(world.platform.tasks.wait(seconds(1)).await);
}

#[tokio::test(start_paused = true)]
async fn what_outlives_the_drain_is_aborted() {
    let world = World::with(ServerArgs { drain_timeout: seconds(2), ..ServerArgs::default() });
    let held = world.held().await;
    let start = Instant::now();
    world.platform.shutdown.begin();
    assert!(world.platform.tasks.wait(seconds(60)).await);
    assert_eq!(start.elapsed().as_secs(), 2);
    world.probe.wait_dropped(1).await;
    assert_eq!(held.await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_drain_begins() {
    let world = World::start();
    let mut steps = world.track("steps").await.unwrap();
    assert!(steps.message().await.unwrap().is_some());
    let start = Instant::now();
    world.platform.shutdown.begin();
    let status = steps.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status).as_deref(), Some("SHUTTING_DOWN"));
    assert!(world.platform.tasks.wait(seconds(60)).await);
    assert!(start.elapsed() < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_finds_a_restarted_service() {
    let network = Network::new();
    let caller = on(&network);
    let shipping = client(&caller, "shipping");
    assert_eq!(quote(shipping.clone(), "domestic").await.unwrap_err().code(), Code::Unavailable);
    for _ in 0..2 {
        let platform = on(&network);
        serve(&network, "shipping", &platform, ServerArgs::default(), None);
        assert_eq!(quote(shipping.clone(), "domestic").await.unwrap(), "domestic");
        platform.shutdown.begin();
        assert!(platform.tasks.wait(seconds(1)).await);
        assert_eq!(quote(shipping.clone(), "domestic").await.unwrap_err().code(), Code::Unavailable);
    }
}
