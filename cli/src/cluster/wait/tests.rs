use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str, status: Value) -> Pod {
    made(
        json!({ "metadata": { "name": name, "labels": { "app": "orders", "extra": "1" } }, "status": status }),
    )
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({ "containerStatuses": [{
        "name": "orders", "image": "madang/orders:1", "imageID": "", "ready": false, "restartCount": 4,
        "state": { "waiting": { "reason": reason, "message": message } },
        "lastState": { "terminated": { "exitCode": 64, "reason": "Error" } },
    }] })
}

#[track_caller]
fn told(status: Value) -> (String, bool, bool) {
    let Why { text, is_trouble, is_hopeless, .. } = why(&pod("orders-1", status)).unwrap();
    (text, is_trouble, is_hopeless)
}

#[test]
fn a_pod_says_what_holds_it_up() {
    let (text, trouble, _) = told(waiting("ImagePullBackOff", "no such host"));
    assert_eq!(
        (text.as_str(), trouble),
        ("orders: image madang/orders:1 cannot be pulled: no such host", true)
    );
    let (text, ..) = told(waiting("CrashLoopBackOff", "back-off"));
    assert_eq!(text, "orders crashes again and again (4 restarts): exit code 64");
    let (text, ..) = told(waiting("CreateContainerConfigError", "secret \"orders-database\" not found"));
    assert_eq!(text, "orders cannot be made: secret \"orders-database\" not found");
    assert_eq!(told(waiting("PodInitializing", "")), ("orders is being made".into(), false, false));
    let (_, _, hopeless) = told(waiting("ErrImageNeverPull", "not present"));
    assert!(hopeless);
    let unscheduled = json!({ "phase": "Pending", "conditions": [
        { "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu." }] });
    assert_eq!(told(unscheduled).0, "finds no node: 0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(told(json!({})).0, "is being started");
}

#[test]
fn a_sidecar_that_is_not_ready_is_named() {
    let status = |name: &str, state: Value, ready: bool| json!({ "name": name, "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state });
    let running = json!({ "running": {} });
    let ended = json!({ "terminated": { "exitCode": 0 } });
    let told = told(json!({
        "initContainerStatuses": [status("istio-validation", ended, true), status("istio-proxy", running.clone(), false)],
        "containerStatuses": [status("orders", json!({ "waiting": { "reason": "PodInitializing" } }), false)],
    }));
    assert_eq!(told, ("istio-proxy is not ready yet".into(), false, false));
    let crashed = json!({ "containerStatuses": [status("orders", running, true), status("other",
        json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } }), false)] });
    assert_eq!(why(&pod("p", crashed)).unwrap().text, "other ended: exit code 137, OOMKilled");
}

#[test]
fn a_pod_that_serves_or_has_done_its_work_is_not_held_up() {
    assert_eq!(why(&pod("p", json!({ "conditions": [{ "type": "Ready", "status": "True" }] }))), None);
    assert_eq!(why(&pod("p", json!({ "phase": "Succeeded" }))), None);
}

fn deployment(release: &str, status: Value) -> Value {
    json!({
        "metadata": { "name": "orders", "generation": 2, "annotations": { "meta.helm.sh/release-name": release } },
        "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "orders" } }, "template": {} },
        "status": status,
    })
}

fn rollout(status: Value) -> Rollout {
    let deployments = vec![made(deployment("orders", status)), made(deployment("catalog", json!({})))];
    let pods = vec![pod("orders-1", waiting("CrashLoopBackOff", ""))];
    let all = rollouts(&Seen { deployments, pods, ..Seen::default() }, &BTreeSet::from(["orders"]));
    assert_eq!(all.len(), 1, "the other release is not waited for");
    all.into_iter().next().unwrap()
}

#[test]
fn a_deployment_is_done_when_all_its_pods_are_new_and_available() {
    let status = |seen: i64, replicas: i32, updated: i32, available: i32| {
        json!({ "observedGeneration": seen, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available })
    };
    assert!(rollout(status(2, 2, 2, 2)).is_done);
    assert!(!rollout(status(1, 2, 2, 2)).is_done, "the controller has not seen it yet");
    assert!(!rollout(status(2, 3, 2, 2)).is_done, "an old pod is still there");
    assert!(!rollout(status(2, 2, 1, 2)).is_done, "one is old");
    assert!(!rollout(status(2, 2, 2, 1)).is_done, "one is not available");
    let held = rollout(json!({}));
    assert_eq!(held.troubles().count(), 1);
    assert!(
        text(&[held]).starts_with("  Deployment orders: 0 of 2 ready, 0 new\n    orders-1: orders crashes")
    );
}

#[test]
fn the_edge_belongs_to_commons() {
    let edge = json!({ "metadata": { "name": "edge-istio", "labels": { "gateway.networking.k8s.io/gateway-name": "edge" } },
        "spec": { "selector": {}, "template": {} } });
    let seen = Seen { deployments: vec![made(edge)], ..Seen::default() };
    assert_eq!(rollouts(&seen, &BTreeSet::from(["commons"])).len(), 1);
    assert_eq!(rollouts(&seen, &BTreeSet::from(["orders"])).len(), 0);
}

#[test]
fn a_stateful_set_and_a_job_are_waited_for_too() {
    let meta = json!({ "name": "x", "annotations": { "meta.helm.sh/release-name": "commons" } });
    let set = |status: Value| {
        let set = json!({ "metadata": meta, "status": status,
            "spec": { "selector": {}, "template": {}, "serviceName": "x" } });
        let seen = Seen { stateful_sets: vec![made(set)], ..Seen::default() };
        rollouts(&seen, &BTreeSet::from(["commons"]))[0].is_done
    };
    assert!(set(json!({ "replicas": 1, "readyReplicas": 1, "updateRevision": "a", "currentRevision": "a" })));
    assert!(!set(
        json!({ "replicas": 1, "readyReplicas": 1, "updateRevision": "b", "currentRevision": "a" })
    ));
    assert!(!set(json!({ "replicas": 1 })));
    let job = |kind: &str| {
        let job = json!({ "metadata": meta, "spec": { "template": {} },
            "status": { "conditions": [{ "type": kind, "status": "True" }] } });
        let seen = Seen { jobs: vec![made(job)], ..Seen::default() };
        rollouts(&seen, &BTreeSet::from(["commons"])).remove(0)
    };
    assert!(job("Complete").is_done);
    assert!(job("Failed").is_hopeless());
}

#[tokio::test]
async fn the_log_of_what_crashed_goes_with_the_failure() {
    let deployment = json!({ "metadata": { "name": "x", "annotations": { "meta.helm.sh/release-name": "orders" } },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "orders" } }, "template": {} } });
    let crashed = serde_json::to_value(pod("orders-1", waiting("CrashLoopBackOff", ""))).unwrap();
    let list = |items: Vec<Value>| (200, json!({ "metadata": {}, "items": items }));
    let (client, _) = crate::cluster::fake::client(move |line, _| match line.rsplit('/').next().unwrap() {
        "deployments" => list(vec![deployment.clone()]),
        "pods" => list(vec![crashed.clone()]),
        "log" => (200, json!("setting MADANG_DATABASE is missing")),
        _ => list(Vec::new()),
    });
    let cluster = Cluster { client, context: None, namespace: "madang".into() };
    let output = Output::new(crate::output::Format::Table);
    let failed = serving(&cluster, &BTreeSet::from(["orders"]), Duration::ZERO, &output).await;
    let error = failed.unwrap_err().to_string();
    assert!(error.starts_with("not all serve after 0 s:\n  Deployment x: 0 of 1 ready, 0 new\n"), "{error}");
    assert!(
        error.contains("the last lines of orders in orders-1:\n\"setting MADANG_DATABASE is missing"),
        "{error}"
    );
}
