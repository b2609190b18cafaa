//! How calls are routed, tried again and given up, against the policy table.

use std::collections::BTreeSet;
use std::fs;

use madang_tests::tidy;
use serde_json::{Value, json};

use crate::charts::{NAMESPACE, SERVICES};
use crate::object::{Object, broken, list, of_kind, one, text, texts};
use crate::of_charts;
use crate::table::{Kind, Table, rows};
use crate::variants::{self, PLAIN, Variant};

/// What a read is tried again on: it changes nothing.
pub(crate) const READ_AGAIN: [&str; 4] = ["connect-failure", "refused-stream", "reset", "unavailable"];
/// What a write is tried again on: it was not processed, or its key makes it safe to ask again.
pub(crate) const WRITE_AGAIN: [&str; 4] =
    ["connect-failure", "refused-stream", "reset-before-request", "unavailable"];

fn host(name: &str) -> String {
    format!("{name}.{NAMESPACE}.svc.cluster.local")
}

/// The paths of a service that somebody calls, of one kind.
fn paths(table: &Table, name: &str, kind: Kind) -> BTreeSet<String> {
    let rows = rows(&table.entries[name].rpcs).filter(|(_, _, row)| row.kind == kind);
    rows.map(|(service, rpc, _)| format!("/{service}/{rpc}")).collect()
}

/// Routes that are not what the table says.
fn wrong_routes(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in SERVICES {
        let service = one(objects, "VirtualService", name);
        if texts(&service.0, "/spec/hosts") != [host(name)] {
            wrong.push(format!("{name}'s routes are of {}", service.at("/spec/hosts")));
        }
        let routes = list(&service.0, "/spec/http");
        let (Some((last, classes)), mesh) = (routes.split_last(), &table.defaults["mesh"]) else {
            wrong.push(format!("{name} has no route"));
            continue;
        };
        let kinds = [(Kind::Read, &READ_AGAIN), (Kind::Write, &WRITE_AGAIN)];
        let wanted = kinds.into_iter().filter(|(kind, _)| !paths(table, name, *kind).is_empty());
        let wanted: Vec<Value> = wanted.map(|(kind, on)| class(table, name, (kind, on, mesh))).collect();
        let found: Vec<Value> = classes.iter().map(told).collect();
        if found != wanted {
            wrong.push(format!("{name} has routes {found:?}, not {wanted:?}"));
        }
        if told(last) != json!({"paths": [], "retries": {"attempts": 0}, "timeout": null}) {
            wrong.push(format!("{name}'s last route, of streams and all the rest, is {last}"));
        }
        wrong.extend(
            routes
                .iter()
                .filter(|route| !splits(route, name, variant))
                .map(|route| format!("{name} splits {route}")),
        );
    }
    wrong
}

/// What a class of RPCs should have as its route.
fn class(table: &Table, name: &str, (kind, on, mesh): (Kind, &[&str; 4], &Value)) -> Value {
    let paths = paths(table, name, kind);
    let rules = &mesh[if kind == Kind::Read { "read" } else { "write" }];
    let mut retries = json!({"attempts": rules["retries"], "retryOn": on.join(",")});
    if kind == Kind::Read {
        retries["perTryTimeout"] = rules["perTryTimeout"].clone();
    }
    json!({"paths": paths, "retries": retries, "timeout": rules["timeout"]})
}

/// A route without its name and destinations.
fn told(route: &Value) -> Value {
    let exact = list(route, "/match").iter().map(|rule| match rule.as_object() {
        Some(map) if map.len() == 1 => text(rule, "/uri/exact").to_owned(),
        _ => rule.to_string(),
    });
    let paths: BTreeSet<String> = exact.collect();
    json!({"paths": paths, "retries": route["retries"], "timeout": route["timeout"]})
}

/// Whether a route leads to the stable track, and to the canary by its weight.
fn splits(route: &Value, name: &str, variant: &Variant) -> bool {
    let to = |track: &str, weight: u8| json!({"destination": {"host": host(name), "subset": track}, "weight": weight});
    let known = ["name", "match", "timeout", "retries", "route"];
    let wanted = match variant.canary == Some(name) {
        true => json!([to("stable", 90), to("canary", 10)]),
        false => json!([to("stable", 100)]),
    };
    route["route"] == wanted
        && route.as_object().is_some_and(|map| map.keys().all(|key| known.contains(&key.as_str())))
}

/// DestinationRules that do not eject, notice or split as they should.
fn wrong_destinations(objects: &[Object], _: &Table, _: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    let outlier = |name: &str| {
        json!({
            "consecutiveGatewayErrors": 5, "consecutive5xxErrors": 0, "interval": "2s", "baseEjectionTime": "5s",
            "maxEjectionPercent": 50, "minHealthPercent": i32::from(name == "gateway"),
        })
    };
    let subset = |track: &str| json!({"name": track, "labels": {"madang.dev/track": track}});
    for rule in of_kind(objects, "DestinationRule") {
        let service = rule.name().trim_end_matches("-stable").trim_end_matches("-canary");
        let pool = "/spec/trafficPolicy/connectionPool";
        let mut wanted = vec![
            ("/spec/host".to_owned(), json!(host(rule.name()))),
            ("/spec/exportTo".to_owned(), json!(["."])),
            (format!("{pool}/tcp/tcpKeepalive"), json!({"time": "10s", "interval": "2s", "probes": 3})),
        ];
        if SERVICES.contains(&service) {
            wanted.push(("/spec/trafficPolicy/outlierDetection".to_owned(), outlier(service)));
            wanted.push(("/spec/subsets".to_owned(), json!([subset("stable"), subset("canary")])));
            wanted.push((format!("{pool}/http/maxRetries"), json!(16)));
        }
        let differs = wanted.iter().filter(|(path, value)| rule.at(path) != value);
        wrong.extend(differs.map(|(path, value)| format!("{} has at {path} not {value}", rule.title())));
    }
    let services = of_kind(objects, "Service").map(Object::name);
    let rules: BTreeSet<&str> = of_kind(objects, "DestinationRule").map(Object::name).collect();
    wrong.extend(
        services.filter(|name| !rules.contains(name)).map(|name| format!("{name} has no DestinationRule")),
    );
    wrong
}

/// Sidecars that hear of more or less than their workload calls.
fn wrong_scopes(objects: &[Object], table: &Table, variant: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    for sidecar in of_kind(objects, "Sidecar") {
        let found: BTreeSet<String> =
            list(&sidecar.0, "/spec/egress").iter().flat_map(|egress| texts(egress, "/hosts")).collect();
        let wanted = scope(sidecar.name(), table, variant);
        if found != wanted {
            wrong.push(format!("{} hears of {found:?}, not {wanted:?}", sidecar.title()));
        }
        if sidecar.at("/spec/outboundTrafficPolicy/mode") != "REGISTRY_ONLY" {
            wrong.push(format!("{} lets through what it does not know", sidecar.title()));
        }
        let selector = text(&sidecar.0, "/spec/workloadSelector/labels/app.kubernetes.io~1name");
        if selector != if sidecar.name() == "default" { "" } else { sidecar.name() } {
            wrong.push(format!("{} is for {selector:?}", sidecar.title()));
        }
    }
    let sidecars: BTreeSet<&str> = of_kind(objects, "Sidecar").map(Object::name).collect();
    let workloads = objects.iter().filter(|object| ["Deployment", "StatefulSet"].contains(&object.kind()));
    let lacking = workloads
        .map(|object| object.name().trim_end_matches("-canary"))
        .filter(|name| !sidecars.contains(name));
    wrong.extend(lacking.map(|name| format!("{name} has no Sidecar")));
    wrong
}

/// The hosts that a workload's sidecar should hear of.
fn scope(name: &str, table: &Table, variant: &Variant) -> BTreeSet<String> {
    let mut hosts = BTreeSet::from(["istio-system/*".to_owned()]);
    let jaeger = "observability/jaeger.observability.svc.cluster.local".to_owned();
    let entry = table.table.get(name);
    hosts.extend(entry.map(|_| jaeger.clone()).filter(|_| variant.telemetry));
    let cells = table.cells().into_iter().filter(|cell| cell.caller == name && name != "tester");
    hosts.extend(cells.map(|cell| format!("./{}", host(&cell.callee))));
    match (name, entry) {
        ("tester", _) => {
            hosts.insert("./*".to_owned());
            hosts.extend(variant.telemetry.then_some(jaeger));
        }
        ("console", _) => hosts.extend(table.table.keys().map(|name| format!("./{}", host(name)))),
        (_, Some(entry)) if entry.database => hosts.extend([match variant.postgres(name, entry) {
            Some(server) => format!("./{}", host(&server)),
            None => "./db.example.com".to_owned(),
        }]),
        _ => {}
    }
    if variant.with_events(table).contains(&name) {
        let own = variant.nats == variants::Nats::Own;
        hosts.insert(format!("./{}", if own { host("nats") } else { "nats.example.com".to_owned() }));
    }
    hosts
}

#[test]
fn every_route_states_the_retries_of_its_kind_and_the_rest_has_none() {
    crate::none(&variants::wrong(of_charts!(), wrong_routes));
}

#[test]
fn the_edge_tries_again_what_was_not_processed_and_is_the_one_proxy_that_the_gateway_trusts() {
    let charts = of_charts!();
    // The edge's routes cannot state their retries: the mesh's default is theirs.
    let istiod = fs::read_to_string(tidy::root().join("k8s/platform/istiod.yaml")).unwrap();
    let istiod = Object::parse(&istiod).unwrap();
    let mesh: Value =
        serde_saphyr::from_str(text(&one(&istiod, "ConfigMap", "istio").0, "/data/mesh")).unwrap();
    let again = json!({"attempts": 2, "retryOn": "connect-failure,refused-stream"});
    assert_eq!(mesh["defaultHttpRetryPolicy"], again);
    let shop = charts.shop(&[]);
    let pod = one(&shop, "Deployment", "gateway").pod().unwrap();
    let hops = json!({"name": "MADANG_TRUSTED_HOPS", "value": "1"});
    assert!(list(pod, "/spec/containers/0/env").contains(&hops));
}

#[test]
fn a_read_that_is_tried_again_ends_within_its_time_out() {
    let read = &of_charts!().table().defaults["mesh"]["read"];
    let seconds = |key: &str| text(read, key).trim_end_matches('s').parse::<u64>().unwrap();
    assert!(
        seconds("/perTryTimeout") * (read["retries"].as_u64().unwrap() + 1) <= seconds("/timeout"),
        "{read}"
    );
}

#[test]
fn sick_replicas_are_ejected_and_vanished_peers_noticed() {
    crate::none(&variants::wrong(of_charts!(), wrong_destinations));
}

#[test]
fn a_sidecar_hears_of_what_its_workload_calls_and_of_nothing_else() {
    crate::none(&variants::wrong(of_charts!(), wrong_scopes));
}

#[test]
fn routes_rules_and_scopes_that_are_wrong_are_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let routes = |name: &str, path: &str, value: Value| {
        wrong_routes(&broken(&shop, ("VirtualService", name), path, value), &table, &PLAIN)
    };
    crate::told(&routes("orders", "/spec/http/2/retries", Value::Null), "orders's last route");
    crate::told(&routes("orders", "/spec/http/2/timeout", json!("15s")), "orders's last route");
    crate::told(&routes("orders", "/spec/http/1/retries/attempts", json!(2)), "orders has routes");
    crate::told(&routes("orders", "/spec/http/1/match/0/uri", json!({"prefix": "/"})), "orders has routes");
    crate::told(&routes("catalog", "/spec/http/0/retries/retryOn", json!("5xx")), "catalog has routes");
    crate::told(&routes("catalog", "/spec/http/0/route/0/weight", json!(50)), "catalog splits");
    crate::told(&routes("catalog", "/spec/http/0/fault", json!({})), "catalog splits");
    let rule = |path: &str, value: Value| {
        wrong_destinations(&broken(&shop, ("DestinationRule", "catalog"), path, value), &table, &PLAIN)
    };
    for value in ["maxEjectionPercent", "minHealthPercent"] {
        let path = format!("/spec/trafficPolicy/outlierDetection/{value}");
        crate::told(&rule(&path, json!(100)), "outlierDetection");
    }
    crate::told(&rule("/spec/trafficPolicy/connectionPool/tcp/tcpKeepalive", Value::Null), "tcpKeepalive");
    crate::told(&rule("/spec/subsets/1/labels/app.kubernetes.io~1version", json!("1")), "subsets");
    let scope = |name: &str, path: &str, value: Value| {
        wrong_scopes(&broken(&shop, ("Sidecar", name), path, value), &table, &PLAIN)
    };
    crate::told(&scope("catalog", "/spec/egress/0/hosts/-", json!("./*")), "catalog hears");
    crate::told(&scope("default", "/spec/outboundTrafficPolicy", Value::Null), "default lets through");
}
