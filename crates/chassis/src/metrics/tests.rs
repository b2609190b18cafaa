use std::collections::HashSet;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use tonic::Code;

use super::*;
use crate::trace::{Here, TraceContext};

const SERVICE: Service = Service { name: "shipping", version: "1.2.3", port: 0 };
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn context(flags: &str) -> TraceContext {
    TraceContext::parse(&format!("00-{TRACE}-00f067aa0ba902b7-{flags}")).unwrap()
}

/// Those of a process that answers calls and HTTP requests, and calls others.
fn all() -> Metrics {
    let metrics = Metrics::new(SERVICE);
    metrics.show_rpc_server();
    metrics.show_rpc_client();
    metrics.show_http();
    metrics
}

#[test]
fn a_recorded_trace_is_the_exemplar_of_its_bucket() {
    let metrics = all();
    let method: Arc<str> = Arc::from("/a.B/C");
    let mut call = metrics.rpc().server(Arc::clone(&method));
    call.belongs_to(&context("01"));
    call.end(Code::Ok);
    drop(call);
    Here::at(context("01")).enter(|| drop(metrics.rpc().client(method)));
    let mut page = metrics.http().request("GET", "/".to_owned());
    page.belongs_to(&context("01"));
    drop(page);
    let text = metrics.text();
    let exemplar = format!(" # {{trace_id=\"{TRACE}\"}} ");
    for family in ["rpc_server", "rpc_client", "http_server"] {
        let bucket = format!("madang_{family}_duration_seconds_bucket{{le=\"0.0005\"");
        let line = text.lines().find(|line| line.starts_with(&bucket));
        assert!(line.is_some_and(|line| line.contains(&exemplar)), "{family}:\n{text}");
    }
}

#[test]
fn a_trace_that_is_not_recorded_is_no_exemplar() {
    let metrics = all();
    let method: Arc<str> = Arc::from("/a.B/C");
    metrics.rpc().server(Arc::clone(&method)).belongs_to(&context("00"));
    drop(metrics.rpc().server(method));
    let text = metrics.text();
    assert!(text.contains("madang_rpc_server_duration_seconds_count"), "{text}");
    assert!(!text.contains("trace_id"), "{text}");
}

#[test]
fn every_metric_is_listed_with_the_name_that_a_query_has() {
    let metrics = all();
    drop(metrics.register("parcels", "Parcels seen", Counter::<u64>::default()));
    let listed = metrics.list();
    let names: HashSet<&str> = listed.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names.len(), listed.len(), "{names:?}");
    assert!(names.contains("madang_build_info") && names.contains("madang_parcels_total"), "{names:?}");
    let duration = listed.iter().find(|metric| metric.name == "madang_rpc_server_duration_seconds").unwrap();
    assert_eq!((duration.kind, duration.labels), ("histogram", &["method", "code"][..]));
}

#[test]
fn a_process_lists_nothing_of_what_it_does_not_serve() {
    let names = |metrics: &Metrics| metrics.list().into_iter().map(|metric| metric.name).collect::<Vec<_>>();
    let metrics = Metrics::new(SERVICE);
    assert!(!names(&metrics).iter().any(|name| name.contains("_rpc_") || name.contains("_http_")));
    metrics.show_rpc_client();
    assert_eq!(names(&metrics).iter().filter(|name| name.contains("_rpc_")).count(), 1);
}

#[test]
fn a_reading_is_taken_when_it_is_shown() {
    let metrics = Metrics::new(SERVICE);
    let rooms = Reading::gauges(|| vec![(vec![("room", "a")], 1.0), (vec![("room", "b")], 2.5)]);
    drop(metrics.register_family(("rooms", &["room"]), "Rooms", rooms));
    drop(metrics.register("things", "Things", Reading::counter(|| Some(7.0))));
    drop(metrics.register("nothing", "Nothing", Reading::gauge(|| None)));
    let text = metrics.text();
    for line in ["madang_rooms{room=\"a\"} 1.0", "madang_rooms{room=\"b\"} 2.5", "madang_things_total 7.0"] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
    assert!(!text.lines().any(|line| line.starts_with("madang_nothing")), "{text}");
}
