use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn labels(track: &str) -> Value {
    json!({ "app.kubernetes.io/name": "orders", "app.kubernetes.io/part-of": "madang",
        "app.kubernetes.io/version": "1.2.0", "madang.dev/track": track })
}

fn deployment(track: &str, image: &str) -> Value {
    json!({
        "metadata": { "name": "orders", "labels": labels(track) },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app.kubernetes.io/name": "orders", "madang.dev/track": track } },
            "template": {
                "metadata": { "labels": labels(track) },
                "spec": { "containers": [{ "name": "orders", "image": image }] },
            },
        },
        "status": { "readyReplicas": 2 },
    })
}

fn pod(track: &str) -> Value {
    json!({
        "metadata": { "name": format!("orders-{track}"), "labels": labels(track) },
        "spec": { "containers": [{ "name": "orders" }],
            "initContainers": [{ "name": "istio-proxy", "restartPolicy": "Always" }] },
        "status": {
            "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [
                { "name": "orders", "image": "", "imageID": "", "ready": true, "restartCount": 3 }],
        },
    })
}

fn seen() -> Seen {
    let deployments =
        [deployment("canary", "madang/orders:1.3.0"), deployment("stable", "r:5000/madang/orders:1.2.0")];
    Seen {
        deployments: deployments.into_iter().map(|it| serde_json::from_value(it).unwrap()).collect(),
        pods: vec![serde_json::from_value(pod("stable")).unwrap()],
        ..Seen::default()
    }
}

fn mesh() -> Mesh {
    let selector = |name: &str| json!({ "matchLabels": { "app.kubernetes.io/name": name } });
    Mesh {
        own_authentications: vec![json!({ "mtls": { "mode": "STRICT" } })],
        own_policies: vec![
            json!({}),
            json!({ "selector": selector("orders"), "action": "ALLOW" }),
            json!({ "selector": selector("catalog"), "action": "ALLOW" }),
            json!({ "targetRefs": [{ "kind": "Gateway", "name": "edge" }] }),
        ],
        ..Mesh::default()
    }
}

#[test]
fn each_deployment_of_a_service_has_a_row() {
    let rows = row::rows(&seen(), &mesh());
    assert_eq!(rows.len(), 9, "eight services, one of them with a canary");
    assert!(rows[0].track.is_none() && !rows[0].is_ready());
    let orders: Vec<&Row> = rows.iter().filter(|row| row.service == Service::Orders).collect();
    let (stable, canary) = (orders[0], orders[1]);
    assert_eq!((stable.track.as_deref(), canary.track.as_deref()), (Some("stable"), Some("canary")));
    assert_eq!((stable.image_tag.as_str(), canary.image_tag.as_str()), ("1.2.0", "1.3.0"));
    assert_eq!((stable.ready, stable.wanted, stable.restarts, stable.policies), (2, 2, 3, 2));
    assert_eq!((stable.pods, stable.sidecars, canary.pods), (1, 1, 0));
    assert_eq!(stable.mtls, "STRICT");
}

#[test]
fn the_nearest_authentication_counts() {
    let labels = BTreeMap::from([("app".to_owned(), "orders".to_owned())]);
    let spec = |mode: &str| json!({ "mtls": { "mode": mode } });
    let mut mesh = Mesh::default();
    assert_eq!(mesh.mode(&labels), "PERMISSIVE");
    mesh.root_authentications.push(spec("STRICT"));
    assert_eq!(mesh.mode(&labels), "STRICT");
    mesh.own_authentications.push(spec("DISABLE"));
    assert_eq!(mesh.mode(&labels), "DISABLE");
    let mut own = spec("UNSET");
    own["selector"] = json!({ "matchLabels": { "app": "orders" } });
    own["portLevelMtls"] = json!({ "9090": { "mode": "PERMISSIVE" } });
    mesh.own_authentications.push(own);
    assert_eq!(mesh.mode(&labels), "DISABLE, other on some ports");
}

#[test]
fn what_waits_for_a_service_is_told_in_its_row() {
    let lag = |producer| Lag {
        consumer: Service::Notifications,
        producer,
        events: 2,
        dead_letters: 1,
        alarm: String::new(),
    };
    let lags = Ok(vec![lag(Service::Orders), lag(Service::Payments)]);
    let standing = Standing { rows: row::rows(&seen(), &mesh()), lags };
    assert_eq!(standing.waiting(Service::Notifications), Some((4, 2)));
    assert_eq!(standing.waiting(Service::Catalog), None);
    let text = anstream::adapter::strip_str(&show::text(&standing)).to_string();
    assert!(text.lines().nth(5).unwrap().starts_with("orders           2/2  stable"), "{text}");
    assert!(text.lines().nth(1).unwrap().contains("not deployed"), "{text}");
    assert_eq!(show::value(&standing)["services"][4]["image_tag"], "1.2.0");
}
