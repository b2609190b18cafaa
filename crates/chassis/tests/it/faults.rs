use madang_api::error;
use madang_api::faults::v1::fault_service_client::FaultServiceClient;
use madang_api::faults::v1::{ClearFaultsRequest, Fault, ListFaultsRequest, SetFaultRequest};
use madang_chassis::{Client, ServerArgs};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::world::{QUOTE, TRACK, World, reason, seconds};

fn harmful() -> World {
    World::with(ServerArgs { faults: true, ..ServerArgs::default() })
}

fn fault(id: &str) -> Fault {
    Fault { fault_id: id.into(), percent: 100, method: QUOTE.into(), ..Fault::default() }
}

fn proto(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

async fn set(world: &World, fault: Fault) -> Result<Fault, Status> {
    let request = SetFaultRequest { fault: Some(fault), ttl: proto(60) };
    faults(world).set_fault(request).await.map(|answer| answer.into_inner().fault.unwrap())
}

fn faults(world: &World) -> FaultServiceClient<Client> {
    FaultServiceClient::new(world.client())
}

#[tokio::test(start_paused = true)]
async fn faults_are_served_only_when_asked_for() {
    let world = World::start();
    let status = set(&world, Fault { code: 14, ..fault("a") }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test(start_paused = true)]
async fn a_fault_answers_for_its_method_until_its_end() {
    let world = harmful();
    let told = set(&world, Fault { code: 8, ..fault("a") }).await.unwrap();
    // The test clock stands at 2026-01-01T00:00:00Z.
    assert_eq!(told.expire_time.unwrap().seconds, 1_767_225_660);
    let status = world.quote("domestic").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::ResourceExhausted, None));
    assert_eq!(world.probe.begun(), 0);
    assert!(world.track("steps").await.is_ok());
    tokio::time::advance(seconds(61)).await;
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
    assert!(faults(&world).list_faults(ListFaultsRequest {}).await.unwrap().into_inner().faults.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delay_counts_against_the_deadline() {
    let world = harmful();
    set(&world, Fault { delay: proto(2), ..fault("a") }).await.unwrap();
    let start = Instant::now();
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
    assert_eq!(start.elapsed().as_secs(), 2);
    set(&world, Fault { delay: proto(9), ..fault("a") }).await.unwrap();
    assert_eq!(world.quote("domestic").await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_was_done() {
    let world = harmful();
    set(&world, Fault { lose_answer: true, ..fault("a") }).await.unwrap();
    let status = world.quote("domestic").await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, None));
    assert_eq!(world.probe.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_all_methods_spares_itself_and_the_platform() {
    let world = harmful();
    set(&world, Fault { method: String::new(), code: 14, ..fault("all") }).await.unwrap();
    assert!(world.quote("domestic").await.is_err());
    assert!(world.track("steps").await.is_err());
    HealthClient::new(world.client()).check(HealthCheckRequest::default()).await.unwrap();
    let listed = faults(&world).list_faults(ListFaultsRequest {}).await.unwrap().into_inner().faults;
    assert_eq!(listed[0].fault_id, "all");
    let cleared = faults(&world).clear_faults(ClearFaultsRequest {}).await.unwrap().into_inner().cleared;
    assert_eq!(cleared, 1);
    assert_eq!(world.quote("domestic").await.unwrap(), "domestic");
}

#[tokio::test(start_paused = true)]
async fn a_share_of_the_calls_is_harmed() {
    let world = harmful();
    set(&world, Fault { percent: 30, code: 14, ..fault("some") }).await.unwrap();
    let mut harmed = 0;
    for _ in 0..200 {
        harmed += usize::from(world.quote("domestic").await.is_err());
    }
    // The ids of the test platform are those of a seed, so this does not vary.
    assert!((45..=75).contains(&harmed), "{harmed}");
}

#[tokio::test(start_paused = true)]
async fn there_are_sixteen_faults_at_most() {
    let world = harmful();
    for number in 0..16 {
        set(&world, Fault { code: 14, ..fault(&number.to_string()) }).await.unwrap();
    }
    let status = set(&world, Fault { code: 14, ..fault("16") }).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status).as_deref(), Some("TOO_MANY_FAULTS"));
    // One that is there may be replaced.
    set(&world, Fault { code: 14, method: TRACK.into(), ..fault("3") }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_violations_of_a_fault_are_told() {
    let world = harmful();
    let bad = Fault {
        percent: 101,
        code: 17,
        delay: proto(61),
        method: "/madang.shipping.v1.ShippingService/Quote".into(),
        lose_answer: true,
        ..Fault::default()
    };
    let request = SetFaultRequest { fault: Some(bad), ttl: proto(3601) };
    let status = faults(&world).set_fault(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut fields: Vec<_> =
        error::violations(&status).into_iter().map(|violation| violation.field).collect();
    fields.sort();
    let expected = [
        "fault.code",
        "fault.delay",
        "fault.fault_id",
        "fault.lose_answer",
        "fault.method",
        "fault.percent",
        "ttl",
    ];
    assert_eq!(fields, expected);

    let status = faults(&world).set_fault(SetFaultRequest::default()).await.unwrap_err();
    assert_eq!(error::violations(&status).len(), 2);
    let harmless = set(&world, fault("a")).await.unwrap_err();
    assert_eq!(error::violations(&harmless)[0].field, "fault");
}
