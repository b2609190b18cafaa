//! What every pod must be: confined, bounded, probed, and ended without a lost call.

mod scaling;

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;

use madang_tests::tidy;
use serde_json::{Value, json};

use crate::charts;
use crate::object::{Object, broken, list, of_kind, one, text};
use crate::of_charts;
use crate::table::Table;
use crate::variants::{self, Variant};

/// Kinds of volumes that Pod Security `restricted` lets be.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
/// What shares the node with a pod.
const OF_THE_NODE: [&str; 4] = ["hostNetwork", "hostPID", "hostIPC", "hostUsers"];
/// Where Linux takes the ports of connections from, but for those that are reserved.
const SOURCE_PORTS: RangeInclusive<u64> = 32_768..=60_999;
/// Reserves ports; of the few settings of the kernel that Pod Security lets be, the one that is used.
const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";
/// What only a running server has.
const PROBES: [&str; 3] = ["readinessProbe", "livenessProbe", "startupProbe"];

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let kinds = ["containers", "initContainers", "ephemeralContainers"];
    kinds.into_iter().flat_map(move |kind| list(pod, &format!("/spec/{kind}")))
}

/// Settings of the kernel, by their names.
fn sysctls(pod: &Value) -> impl Iterator<Item = (&str, &str)> {
    let sysctls = list(pod, "/spec/securityContext/sysctls").iter();
    sysctls.map(|sysctl| (text(sysctl, "/name"), text(sysctl, "/value")))
}

/// What Pod Security `restricted` would refuse of a pod.
fn unrestricted(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut wrong: Vec<String> =
        OF_THE_NODE.iter().filter(|key| spec[**key] == true).map(|key| format!("has {key}")).collect();
    for volume in list(spec, "/volumes") {
        let kinds = volume.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| *key != "name");
        wrong.extend(
            kinds.filter(|kind| !VOLUMES.contains(&kind.as_str())).map(|kind| format!("mounts a {kind}")),
        );
    }
    wrong.extend(sysctls(pod).filter(|(name, _)| *name != RESERVED).map(|(name, _)| format!("sets {name}")));
    for container in containers(pod) {
        wrong.extend(unconfined(container, &spec["securityContext"]));
    }
    wrong
}

/// What of a container Pod Security `restricted` would refuse.
fn unconfined(container: &Value, of_pod: &Value) -> Vec<String> {
    let own = &container["securityContext"];
    let either = |key: &str| if own[key].is_null() { &of_pod[key] } else { &own[key] };
    let added = list(own, "/capabilities/add");
    let probed =
        PROBES.iter().flat_map(|probe| ["httpGet", "tcpSocket"].map(|how| &container[*probe][how]["host"]));
    let rules = [
        (*either("runAsNonRoot") == true, "may run as root"),
        (*either("runAsUser") != 0, "runs as root"),
        (
            ["RuntimeDefault", "Localhost"].contains(&text(either("seccompProfile"), "/type")),
            "has no seccomp profile",
        ),
        (own["allowPrivilegeEscalation"] == false, "may gain privileges"),
        (own["privileged"] != true, "is privileged"),
        (list(own, "/capabilities/drop").contains(&json!("ALL")), "keeps capabilities"),
        (added.iter().all(|added| added == "NET_BIND_SERVICE"), "adds capabilities"),
        (["", "Default"].contains(&text(own, "/procMount")), "sees all of /proc"),
        (list(container, "/ports").iter().all(|port| port["hostPort"].is_null()), "takes a port of the node"),
        (probed.into_iter().all(Value::is_null), "has the node probe another host"),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, rule)| format!("{} {rule}", text(container, "/name"))).collect()
}

/// What we ask of each container beyond that.
fn unbounded(container: &Value) -> Vec<String> {
    let image = text(container, "/image");
    let last = image.rsplit('/').next().unwrap_or_default();
    let tagged = last.contains("@sha256:") || last.split_once(':').is_some_and(|(_, tag)| tag != "latest");
    let resources = &container["resources"];
    let rules = [
        (container["securityContext"]["readOnlyRootFilesystem"] == true, "may write to its root"),
        (tagged, "runs an image that is not one version"),
        (!resources["requests"]["cpu"].is_null(), "requests no CPU"),
        (!resources["requests"]["memory"].is_null(), "requests no memory"),
        (!resources["limits"]["memory"].is_null(), "has no limit of memory"),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, rule)| format!("{} {rule}", text(container, "/name"))).collect()
}

/// Whose pods are told a token of the API server, by the namespace's rule nobody's but the Job's.
fn wrong_tokens(object: &Object, pod: &Value, objects: &[Object]) -> Vec<String> {
    let spec = &pod["spec"];
    let wants = spec["automountServiceAccountToken"] != false;
    let is_job = object.kind() == "Job" && object.name().starts_with("secrets-");
    let account = text(spec, "/serviceAccountName");
    let found = of_kind(objects, "ServiceAccount").find(|found| found.name() == account);
    let rules = [
        (wants == is_job, "has a token, or has none"),
        (found.is_some(), "has no ServiceAccount of its own"),
        (
            found.is_none_or(|found| found.at("/automountServiceAccountToken") == false),
            "'s account hands out tokens",
        ),
        (spec["enableServiceLinks"] == false, "gets every Service as variables"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| rule.to_owned()).collect()
}

/// Servers that are not probed, or that end before their callers know.
fn wrong_lives(object: &Object, pod: &Value) -> Vec<String> {
    if !["Deployment", "StatefulSet"].contains(&object.kind()) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for container in containers(pod) {
        let lacking = PROBES.iter().filter(|probe| container[**probe].is_null());
        wrong.extend(lacking.map(|probe| format!("has no {probe}")));
        // The image has no program to execute.
        let is_ours = object.kind() == "Deployment";
        let pause = container.pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64);
        let hooks = container["lifecycle"].as_object().map_or(0, serde_json::Map::len);
        if is_ours && (pause.is_none() || hooks != 1) {
            wrong.push("does not sleep before it stops".to_owned());
        }
        let drain =
            list(container, "/env").iter().find(|variable| variable["name"] == "MADANG_DRAIN_TIMEOUT");
        let drain =
            drain.and_then(|variable| text(variable, "/value").strip_suffix('s')?.parse::<u64>().ok());
        let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        if is_ours && drain.is_none_or(|drain| drain + pause.unwrap_or_default() >= grace) {
            wrong.push(format!("is killed after {grace} s, while it drains"));
        }
    }
    wrong
}

/// Ports that a sidecar's connection could have before the server listens.
fn unreserved(pod: &Value) -> Vec<String> {
    let reserved = sysctls(pod).filter(|(name, _)| *name == RESERVED);
    let reserved: Vec<&str> = reserved.flat_map(|(_, ports)| ports.split(',')).collect();
    let ports = containers(pod).flat_map(|container| list(container, "/ports"));
    let ports = ports.filter_map(|port| port["containerPort"].as_u64());
    ports
        .filter(|port| SOURCE_PORTS.contains(port) && !reserved.contains(&port.to_string().as_str()))
        .map(|port| format!("leaves its port {port} to connections"))
        .collect()
}

/// Everything that is wrong with the pods of a rendering.
fn wrong(objects: &[Object], _: &Table, _: &Variant) -> Vec<String> {
    let mut wrong = Vec::new();
    for (object, pod) in objects.iter().filter_map(|object| Some((object, object.pod()?))) {
        let found = [
            unrestricted(pod),
            unreserved(pod),
            containers(pod).flat_map(unbounded).collect(),
            wrong_tokens(object, pod, objects),
            wrong_lives(object, pod),
        ];
        wrong.extend(found.concat().iter().map(|line| format!("{}: {line}", object.title())));
    }
    let mut names = BTreeSet::new();
    let twice = objects.iter().filter(|object| !names.insert((object.kind(), object.name())));
    wrong.extend(twice.map(|object| format!("{} is there twice", object.title())));
    wrong
}

#[test]
fn every_pod_passes_pod_security_restricted_and_our_own_rules_in_every_form_of_the_shop() {
    let charts = of_charts!();
    let table = charts.table();
    let pods = |objects: &[Object]| objects.iter().filter(|object| object.pod().is_some()).count();
    assert_eq!(pods(&charts.shop(&[])), 8 + 6 + 1 + 1 + 1, "services, databases, NATS, the Job, the test");
    assert!(table.table.len() == 8);
    crate::none(&variants::wrong(charts, wrong));
}

#[test]
fn what_watches_and_what_asks_pass_pod_security_restricted_as_their_namespaces_ask() {
    if !charts::asked() {
        return;
    }
    for name in ["platform/jaeger", "platform/prometheus", "grpcurl"] {
        let text = fs::read_to_string(tidy::root().join(format!("k8s/{name}.yaml"))).unwrap();
        let objects = Object::parse(&text).unwrap();
        let pods: Vec<&Value> = objects.iter().filter_map(Object::pod).collect();
        assert_eq!(pods.len(), 1);
        crate::none(&unrestricted(pods[0]));
    }
}

#[test]
fn a_tag_that_no_label_could_hold_is_told_as_far_as_one_can() {
    // An image has it for its tag, and skaffold's are 64 long.
    let tag = format!("_{}-", "0123456789abcdef".repeat(7));
    let canary = tag.replace('0', "f");
    let sets = ["canary.enabled=true", &format!("image.tag={tag}"), &format!("canary.image.tag={canary}")];
    let orders = Object::parse(&of_charts!().text("orders", &sets).unwrap()).unwrap();
    for (name, tag) in [("orders", tag.as_str()), ("orders-canary", &canary)] {
        let deployment = one(&orders, "Deployment", name);
        assert!(text(deployment.at("/spec"), "/template/spec/containers/0/image").ends_with(tag), "{name}");
        for path in ["/metadata/labels", "/spec/template/metadata/labels"] {
            assert_eq!(deployment.at(path)["app.kubernetes.io/version"], tag[1..63], "{name}{path}");
        }
    }
}

#[test]
fn a_pod_that_is_not_as_it_should_be_is_told() {
    let charts = of_charts!();
    let (table, shop) = (charts.table(), charts.shop(&[]));
    let deployment = |path: &str, value: Value| {
        wrong(
            &broken(&shop, ("Deployment", "orders"), &format!("/spec/template/spec/{path}"), value),
            &table,
            &variants::PLAIN,
        )
    };
    let rules = [
        ("hostNetwork", json!(true), "has hostNetwork"),
        ("volumes/-", json!({"name": "x", "hostPath": {"path": "/"}}), "mounts a hostPath"),
        ("securityContext/runAsNonRoot", Value::Null, "may run as root"),
        ("securityContext/runAsUser", json!(0), "runs as root"),
        ("securityContext/sysctls/0/name", json!("kernel.shm_rmid_forced"), "sets kernel.shm_rmid_forced"),
        ("securityContext/sysctls/0/value", json!("50055"), "leaves its port 50155 to connections"),
        ("securityContext/seccompProfile", Value::Null, "no seccomp profile"),
        ("containers/0/securityContext/allowPrivilegeEscalation", Value::Null, "may gain privileges"),
        ("containers/0/securityContext/privileged", json!(true), "is privileged"),
        ("containers/0/securityContext/capabilities", json!({"drop": ["NET_RAW"]}), "keeps capabilities"),
        ("containers/0/securityContext/readOnlyRootFilesystem", json!(false), "may write to its root"),
        ("containers/0/image", json!("madang/orders:latest"), "not one version"),
        ("containers/0/image", json!("localhost:5000/madang/orders"), "not one version"),
        ("containers/0/resources/requests/cpu", Value::Null, "requests no CPU"),
        ("containers/0/resources/limits", Value::Null, "no limit of memory"),
        ("containers/0/readinessProbe", Value::Null, "no readinessProbe"),
        ("containers/0/ports/0/hostPort", json!(80), "a port of the node"),
        ("containers/0/lifecycle/preStop", json!({"exec": {"command": ["sleep", "5"]}}), "does not sleep"),
        ("terminationGracePeriodSeconds", json!(15), "is killed after 15 s"),
        ("automountServiceAccountToken", Value::Null, "has a token"),
        ("serviceAccountName", json!("default"), "no ServiceAccount of its own"),
        ("enableServiceLinks", Value::Null, "every Service as variables"),
    ];
    for (path, value, about) in rules {
        crate::told(&deployment(path, value), about);
    }
    let twice = [shop.clone(), shop].concat();
    crate::told(&wrong(&twice, &table, &variants::PLAIN), "is there twice");
}
