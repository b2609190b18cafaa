use madang_api::shipping::v1::TrackShipmentRequest;
use madang_api::shipping::v1::shipping_service_client::ShippingServiceClient;
use madang_chassis::{Network, ServerArgs, deadline};
use tokio::time::Instant;
use tonic::{Code, Request};

use crate::raw;
use crate::world::{World, client, millis, on, quote, reason, seconds, serve};

/// 2026-01-01T00:00:00Z, where the test clock stands, in milliseconds.
const NOW: i64 = 1_767_225_600_000;

#[tokio::test(start_paused = true)]
async fn an_expired_call_is_refused_before_its_handler() {
    let world = World::start();
    let status = raw::quote(&world, "domestic", &[("grpc-timeout", "0n")]).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&status).as_deref(), Some("DEADLINE_EXCEEDED"));
    assert_eq!(world.probe.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_running_handler_is_stopped_with_deadline_exceeded() {
    let world = World::start();
    let start = Instant::now();
    let status = raw::quote(&world, "hold", &[("grpc-timeout", "100m")]).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&status).as_deref(), Some("DEADLINE_EXCEEDED"));
    assert!((millis(100)..millis(110)).contains(&start.elapsed()));
    world.probe.wait_dropped(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_bounded_and_dropped() {
    let world = World::start();
    let start = Instant::now();
    let status = raw::track(&world, "steps", &[("grpc-timeout", "1S")]).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&status).as_deref(), Some("DEADLINE_EXCEEDED"));
    assert!((seconds(1)..millis(1010)).contains(&start.elapsed()));
    world.probe.wait_dropped(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_malformed_timeout_is_refused() {
    let world = World::start();
    let status = raw::quote(&world, "domestic", &[("grpc-timeout", "soon")]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(world.probe.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shrinks_over_two_hops() {
    let (network, args) = (Network::new(), ServerArgs::default());
    let platform = on(&network);
    serve(&network, "far", &platform, args.clone(), None);
    serve(&network, "middle", &platform, args.clone(), Some(client(&platform, "far")));
    serve(&network, "near", &platform, args, Some(client(&platform, "middle")));
    let near = client(&platform, "near");
    // Each hop takes 300 ms before it calls on.
    let asked = deadline::within(seconds(2), quote(near.clone(), "next next remaining")).await.unwrap();
    let left = asked.strip_prefix("Some(1.").and_then(|rest| rest.strip_suffix("s)")).unwrap();
    assert!(left.starts_with("39") || left == "4", "{asked}");
    let status = deadline::within(millis(500), quote(near, "next next remaining")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_gets_five_seconds() {
    let world = World::start();
    let remaining = world.quote("remaining").await.unwrap();
    assert!(remaining == "Some(5s)" || remaining.starts_with("Some(4.99"), "{remaining}");
    let start = Instant::now();
    let status = world.quote("hold").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!((seconds(5)..millis(5010)).contains(&start.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_request_asks_for_less_than_is_left_but_never_more() {
    let world = World::start();
    let asks = |limit| {
        let mut request = Request::new(TrackShipmentRequest { order_id: "steps".into() });
        request.set_timeout(limit);
        let mut client = ShippingServiceClient::new(world.client());
        async move {
            let start = Instant::now();
            let mut steps = client.track_shipment(request).await.unwrap().into_inner();
            let status = loop {
                if let Err(status) = steps.message().await {
                    break status;
                }
            };
            (status.code(), start.elapsed())
        }
    };
    let (code, took) = deadline::within(seconds(2), asks(seconds(1))).await;
    assert_eq!((code, took.as_secs()), (Code::DeadlineExceeded, 1));
    let (code, took) = deadline::within(seconds(2), asks(seconds(9))).await;
    assert_eq!((code, took.as_secs()), (Code::DeadlineExceeded, 2));
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_opt_out() {
    let world = World::start();
    let mut steps = deadline::within(seconds(1), world.track("steps")).await.unwrap();
    assert!(steps.message().await.unwrap().is_some());
    tokio::time::advance(seconds(3600)).await;
    world.probe.gate.add_permits(1);
    assert!(steps.message().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_sent_when_nothing_is_left() {
    let world = World::start();
    let late = deadline::within(millis(1), async {
        tokio::time::advance(millis(2)).await;
        world.quote("domestic").await
    });
    assert_eq!(late.await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(world.probe.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_absolute_deadline_counts_on_a_retried_call_only() {
    let world = World::start();
    let past = (NOW - 1).to_string();
    let headers =
        |attempt| [("grpc-timeout", "5S"), ("madang-deadline", &*past), ("x-envoy-attempt-count", attempt)];
    let first = raw::quote(&world, "domestic", &headers("1")).await;
    assert_eq!(first.unwrap(), "domestic");
    let retried = raw::quote(&world, "domestic", &headers("2")).await.unwrap_err();
    assert_eq!(retried.code(), Code::DeadlineExceeded);
    assert_eq!(world.probe.begun(), 1);

    let soon = (NOW + 1500).to_string();
    let headers = [("grpc-timeout", "5S"), ("madang-deadline", &*soon), ("x-envoy-attempt-count", "3")];
    assert_eq!(raw::quote(&world, "remaining", &headers).await.unwrap(), "Some(1.5s)");
}

#[tokio::test(start_paused = true)]
async fn the_absolute_deadline_counts_only_where_callers_are_trusted() {
    let world = World::with(ServerArgs { trust_deadline: false, ..ServerArgs::default() });
    let headers = [("madang-deadline", "1"), ("x-envoy-attempt-count", "2")];
    assert_eq!(raw::quote(&world, "remaining", &headers).await.unwrap(), "None");
}
