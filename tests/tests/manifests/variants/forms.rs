//! What each form of the shop has that the others have not, and that all it refers to is there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALL, Nats, PLAIN, Variant, wrong};
use crate::charts::SERVICES;
use crate::object::{Object, broken, labels, list, of_kind, one, text, texts, without};
use crate::of_charts;
use crate::table::Table;

/// Secrets that somebody brings who says their names.
const BROUGHT: [&str; 3] = ["database-ca", "nats-ca", "edge-tls"];

/// The variables of a service.
fn variables<'a>(objects: &'a [Object], name: &str) -> &'a [Value] {
    list(&one(objects, "Deployment", name).0, "/spec/template/spec/containers/0/env")
}

/// The value of a variable, empty where there is none.
fn variable<'a>(objects: &'a [Object], service: &str, name: &str) -> &'a str {
    variables(objects, service).iter().find(|it| it["name"] == name).map_or("", |it| text(it, "/value"))
}

/// Secrets, ConfigMaps, hosts and ports that something refers to and that are not there.
fn dangling(objects: &[Object], _: &Table, _: &Variant) -> Vec<String> {
    let made = of_kind(objects, "Role").flat_map(|role| list(&role.0, "/rules"));
    let mut secrets: BTreeSet<String> = made.flat_map(|rule| texts(rule, "/resourceNames")).collect();
    secrets.extend(BROUGHT.map(str::to_owned));
    let mut wrong = Vec::new();
    for (object, pod) in objects.iter().filter_map(|object| Some((object, object.pod()?))) {
        for (kind, name) in references(pod) {
            let there = match kind {
                "Secret" => secrets.contains(&name),
                kind => of_kind(objects, kind).any(|object| object.name() == name),
            };
            if !there {
                wrong.push(format!("{} reads {kind} {name}, which nobody makes", object.title()));
            }
        }
        for (host, port) in addresses(pod) {
            let service = of_kind(objects, "Service").find(|service| service.name() == host);
            let ports = service.map(|service| list(&service.0, "/spec/ports")).unwrap_or_default();
            if !ports.iter().any(|it| it["port"] == port) {
                wrong.push(format!("{} calls {host}:{port}, where nobody listens", object.title()));
            }
        }
    }
    wrong.extend(of_kind(objects, "Service").flat_map(|service| deaf(service, objects)));
    wrong
}

/// The Secrets and ConfigMaps that a pod reads.
fn references(pod: &Value) -> Vec<(&'static str, String)> {
    let volumes = list(pod, "/spec/volumes").iter().flat_map(|volume| {
        let secret = volume.pointer("/secret/secretName").map(|name| ("Secret", name));
        secret.or_else(|| volume.pointer("/configMap/name").map(|name| ("ConfigMap", name)))
    });
    let variables = list(pod, "/spec/containers").iter().flat_map(|container| list(container, "/env"));
    let keys = variables.filter_map(|it| Some(("Secret", it.pointer("/valueFrom/secretKeyRef/name")?)));
    let told = |(kind, name): (&'static str, &Value)| (kind, name.as_str().unwrap_or_default().to_owned());
    volumes.chain(keys).map(told).collect()
}

/// The services of the shop that a pod is told of, with the port.
fn addresses(pod: &Value) -> Vec<(String, u64)> {
    let variables = list(pod, "/spec/containers").iter().flat_map(|container| list(container, "/env"));
    let urls =
        variables.filter(|it| text(it, "/name").ends_with("_URL") || text(it, "/name").ends_with("_URLS"));
    let all = urls.flat_map(|it| text(it, "/value").split(',').filter_map(|url| url.rsplit_once("://")));
    let all = all.filter_map(|(_, address)| address.rsplit_once(':')).filter(|(host, _)| !host.contains('.'));
    all.map(|(host, port)| (host.to_owned(), port.parse().unwrap_or_default())).collect()
}

/// Ports of a Service at which none of its pods listens. The gateway's for a canary has none without one, and no weight.
fn deaf(service: &Object, objects: &[Object]) -> Vec<String> {
    let mut selector = labels(&service.0, "/spec/selector");
    if service.title() == "Service gateway-canary" {
        selector.remove("madang.dev/track");
    }
    let pods = objects.iter().filter_map(Object::pod).filter(|pod| {
        let have = labels(pod, "/metadata/labels");
        selector.iter().all(|(key, value)| have.get(key) == Some(value))
    });
    let listens: Vec<&Value> = pods
        .flat_map(|pod| list(pod, "/spec/containers"))
        .flat_map(|container| list(container, "/ports"))
        .map(|port| &port["containerPort"])
        .collect();
    let ports = list(&service.0, "/spec/ports").iter().map(|port| &port["targetPort"]);
    let deaf = ports.filter(|port| !listens.contains(port));
    deaf.map(|port| format!("{} leads to {port}, where no pod listens", service.title())).collect()
}

/// The one form of the shop for which something is so.
fn form(is: impl Fn(&Variant) -> bool) -> Vec<Object> {
    let variant = ALL.iter().find(|variant| is(variant)).unwrap();
    variant.shop(crate::charts::Charts::of_the_repository())
}

fn has(objects: &[Object], kind: &str, name: &str) -> bool {
    objects.iter().any(|object| object.kind() == kind && object.name() == name)
}

/// Whether a service reads the file of a Secret at a path.
fn mounts(objects: &[Object], service: &str, secret: &str, folder: &str) -> bool {
    let pod = one(objects, "Deployment", service).pod().unwrap();
    let volume =
        list(pod, "/spec/volumes").iter().find(|volume| text(volume, "/secret/secretName") == secret);
    volume.is_some_and(|volume| {
        list(pod, "/spec/containers/0/volumeMounts").iter().any(|mount| {
            mount["name"] == volume["name"]
                && text(mount, "/mountPath") == folder
                && mount["readOnly"] == true
        })
    })
}

#[test]
fn whatever_a_form_of_the_shop_refers_to_is_there() {
    crate::none(&wrong(of_charts!(), dangling));
}

#[test]
fn what_refers_to_nothing_is_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let told = |objects: &[Object], about: &str| crate::told(&dangling(objects, &table, &PLAIN), about);
    told(&without(&shop, "ConfigMap", "nats"), "StatefulSet nats reads ConfigMap nats");
    told(&without(&shop, "Role", "secrets"), "reads Secret nats-users");
    told(&without(&shop, "Service", "catalog"), "calls catalog:50051");
    told(
        &broken(&shop, ("Service", "orders"), "/spec/ports/0/targetPort", json!(1)),
        "Service orders leads to 1",
    );
}

#[test]
fn a_joined_shop_has_one_postgresql_with_a_database_for_each_service() {
    let charts = of_charts!();
    let shop = form(|variant| variant.joined);
    let servers: Vec<&str> = of_kind(&shop, "StatefulSet").map(Object::name).collect();
    assert_eq!(servers, ["nats", "postgres"]);
    let sql = text(&one(&shop, "ConfigMap", "postgres").0, "/data/databases.sql");
    let job = of_kind(&shop, "Job").next().unwrap();
    let arguments = texts(&job.0, "/spec/template/spec/containers/0/args");
    for (name, _) in charts.table().table.iter().filter(|(_, entry)| entry.database) {
        assert!(sql.contains(&format!("CREATE DATABASE {name} OWNER {name} ")), "{sql}");
        assert!(arguments.contains(&format!("{name}=postgres")), "{arguments:?}");
    }
}

#[test]
fn a_managed_database_replaces_the_shops_own_and_is_checked_against_its_authority() {
    let _charts = of_charts!();
    let shop = form(|variant| variant.managed.is_some());
    let own: Vec<&str> = of_kind(&shop, "StatefulSet").map(Object::name).collect();
    assert!(!own.contains(&"orders-postgres") && own.contains(&"catalog-postgres"), "{own:?}");
    let entry = one(&shop, "ServiceEntry", "orders-database");
    let port = json!([{"number": 5432, "name": "tcp-database", "protocol": "TCP"}]);
    assert_eq!((entry.at("/spec/hosts"), entry.at("/spec/ports")), (&json!(["db.example.com"]), &port));
    assert_eq!(
        (entry.at("/spec/location"), entry.at("/spec/exportTo")),
        (&json!("MESH_EXTERNAL"), &json!(["."]))
    );
    assert!(mounts(&shop, "orders", "database-ca", "/etc/madang/database-ca"));
    assert_eq!(variable(&shop, "orders", "MADANG_DATABASE_CA"), "/etc/madang/database-ca/ca.crt");
    assert_eq!(variable(&shop, "catalog", "MADANG_DATABASE_CA"), "");
}

#[test]
fn a_managed_nats_replaces_the_shops_own_and_is_checked_against_its_authority() {
    let charts = of_charts!();
    let shop = form(|variant| variant.nats == Nats::Managed);
    assert!(!objects_of(&shop, "nats"), "the shop's own NATS is there as well");
    let entry = one(&shop, "ServiceEntry", "nats-broker");
    assert_eq!(texts(&entry.0, "/spec/hosts"), ["nats.example.com"]);
    for name in PLAIN.with_events(&charts.table()) {
        assert_eq!(variable(&shop, name, "MADANG_NATS_URL"), "tls://nats.example.com:4222");
        assert_eq!(variable(&shop, name, "MADANG_NATS_CA"), "/etc/madang/nats-ca/ca.crt");
        assert!(mounts(&shop, name, "nats-ca", "/etc/madang/nats-ca"), "{name}");
    }
}

/// Whether there is anything of this name.
fn objects_of(objects: &[Object], name: &str) -> bool {
    objects.iter().any(|object| object.name() == name)
}

#[test]
fn a_shop_without_nats_has_nothing_of_it_and_reads_feeds_alone() {
    let charts = of_charts!();
    let shop = form(|variant| variant.nats == Nats::None);
    assert!(!objects_of(&shop, "nats") && of_kind(&shop, "ServiceEntry").next().is_none());
    let told =
        |name: &str| variables(&shop, name).iter().any(|it| text(it, "/name").starts_with("MADANG_NATS"));
    assert!(SERVICES.iter().all(|name| !told(name)));
    let plain = charts.shop(&[]);
    assert!(
        has(&plain, "StatefulSet", "nats")
            && variable(&plain, "orders", "MADANG_NATS_URL") == "nats://nats:4222"
    );
}

#[test]
fn a_shop_without_telemetry_sends_no_spans() {
    let charts = of_charts!();
    let shop = form(|variant| !variant.telemetry);
    assert!(!has(&shop, "Telemetry", "default"));
    assert!(SERVICES.iter().all(|name| variable(&shop, name, "MADANG_OTLP_ENDPOINT").is_empty()));
    let plain = charts.shop(&[]);
    assert!(has(&plain, "Telemetry", "default"));
    let jaeger = "http://jaeger.observability.svc.cluster.local:4317";
    assert!(SERVICES.iter().all(|name| variable(&plain, name, "MADANG_OTLP_ENDPOINT") == jaeger));
}

#[test]
fn an_edge_with_a_certificate_speaks_tls_at_both_listeners_and_its_test_too() {
    let charts = of_charts!();
    let listeners = |shop: &[Object]| list(&one(shop, "Gateway", "edge").0, "/spec/listeners").to_vec();
    let place =
        |shop: &[Object]| texts(&one(shop, "Pod", "test-order").0, "/spec/containers/0/args").concat();
    let shop = form(|variant| variant.edge_tls);
    let tls = json!({"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": "edge-tls"}]});
    let told = |listener: &Value| (text(listener, "/protocol").to_owned(), listener["tls"].clone());
    assert!(
        listeners(&shop).iter().map(told).eq([("HTTPS".to_owned(), tls.clone()), ("HTTPS".to_owned(), tls)])
    );
    assert!(place(&shop).contains("https://edge-istio:9090"), "{}", place(&shop));
    let plain = charts.shop(&[]);
    assert!(listeners(&plain).iter().map(told).all(|told| told == ("HTTP".to_owned(), Value::Null)));
    assert!(place(&plain).contains("http://edge-istio:9090"));
}

#[test]
fn a_route_of_each_kind_has_a_listener_of_its_own() {
    let shop = of_charts!().shop(&[]);
    // Of two routes of one name Istio keeps one, whatever their kinds.
    let routes = [("HTTPRoute", "gateway", "http", 8080), ("GRPCRoute", "gateway-grpc", "grpc", 9090)];
    for (kind, name, listener, port) in routes {
        let route = one(&shop, kind, name);
        assert_eq!(*route.at("/spec/parentRefs"), json!([{"name": "edge", "sectionName": listener}]));
        // Both are named at all times, so that a canary comes and goes by weights alone.
        let stable = json!({"name": "gateway-stable", "port": 8080, "weight": 100});
        let canary = json!({"name": "gateway-canary", "port": 8080, "weight": 0});
        assert_eq!(*route.at("/spec/rules"), json!([{"backendRefs": [stable, canary]}]));
        let gateway = one(&shop, "Gateway", "edge");
        let found = list(&gateway.0, "/spec/listeners").iter().find(|it| it["name"] == listener);
        assert_eq!(found.map(|it| &it["port"]), Some(&json!(port)));
    }
}

#[test]
fn a_canary_is_the_stable_deployment_but_for_its_track_and_its_image() {
    let _charts = of_charts!();
    let shop = form(|variant| variant.canary == Some("catalog"));
    let mut canary = one(&shop, "Deployment", "catalog-canary").0.clone();
    assert_eq!(canary["spec"]["replicas"], 1);
    assert_eq!(text(&canary, "/spec/template/spec/containers/0/image"), "madang/catalog:0.2.0");
    let stable = &one(&shop, "Deployment", "catalog").0;
    canary["metadata"]["name"] = json!("catalog");
    canary["spec"].as_object_mut().unwrap().remove("replicas");
    let told = canary.to_string().replace("0.2.0", "0.1.0").replace("\"canary\"", "\"stable\"");
    assert_eq!(told, stable.to_string());
}

#[test]
fn a_canary_of_the_gateway_gets_its_share_at_the_edge() {
    let _charts = of_charts!();
    let shop = form(|variant| variant.canary == Some("gateway"));
    let to =
        |track: &str, weight: u8| json!({"name": format!("gateway-{track}"), "port": 8080, "weight": weight});
    for (kind, name) in [("HTTPRoute", "gateway"), ("GRPCRoute", "gateway-grpc")] {
        let refs = one(&shop, kind, name).at("/spec/rules/0/backendRefs").clone();
        assert_eq!(refs, json!([to("stable", 90), to("canary", 10)]));
    }
    for track in ["stable", "canary"] {
        let service = one(&shop, "Service", &format!("gateway-{track}"));
        let selector = json!({"app.kubernetes.io/name": "gateway", "madang.dev/track": track});
        assert_eq!(*service.at("/spec/selector"), selector);
    }
}
