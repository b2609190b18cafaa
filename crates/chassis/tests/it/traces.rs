use madang_chassis::{Network, ServerArgs, trace};

use crate::raw;
use crate::world::{World, client, on, quote, serve};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test(start_paused = true)]
async fn a_trace_goes_through_all_hops_without_an_exporter() {
    let network = Network::new();
    let platform = on(&network);
    serve(&network, "far", &platform, ServerArgs::default(), None);
    serve(&network, "near", &platform, ServerArgs::default(), Some(client(&platform, "far")));
    let call = quote(client(&platform, "near"), "next trace");
    let told = trace::follow(&*platform.ids, "test", GIVEN, call).await.unwrap();
    assert_eq!(told, GIVEN);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_trace_begins_one() {
    let world = World::start();
    let (one, other) =
        (raw::quote(&world, "trace", &[]).await.unwrap(), raw::quote(&world, "trace", &[]).await.unwrap());
    assert_ne!(one[3..35], other[3..35]);
}
