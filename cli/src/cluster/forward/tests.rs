use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::cluster::fake;

fn pod(name: &str, age: u32, ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    json!({
        "metadata": { "name": name, "creationTimestamp": format!("2026-11-26T12:00:{age:02}Z") },
        "status": { "conditions": [{ "type": "Ready", "status": ready }] },
    })
}

#[test]
fn connections_lead_to_the_oldest_pod_that_serves() {
    let mut ending = pod("ending", 1, true);
    ending["metadata"]["deletionTimestamp"] = json!("2026-11-26T12:01:00Z");
    let pods = [pod("young", 9, true), pod("old", 3, true), pod("starts", 2, false), ending];
    let pods: Vec<Pod> = pods.into_iter().map(|pod| serde_json::from_value(pod).unwrap()).collect();
    assert_eq!(super::pod::serving(pods), ["old", "young"]);
}

#[tokio::test]
async fn a_connection_without_a_pod_is_closed_and_told() {
    let (client, asked) =
        fake::client(|_, _| (200, json!({ "metadata": {}, "items": [pod("starts", 1, false)] })));
    let cluster = Cluster { client, context: None, namespace: "madang".into() };
    let mut forwards = Forwards::new();
    let address = forwards.lead_free(&cluster, Goal::of(Service::Orders, 50055)).await.unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    assert_eq!(connection.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(forwards.remarks.recv().await.unwrap(), "orders 50055: no pod is ready");
    assert_eq!(asked.lock().unwrap()[0].0, "GET /api/v1/namespaces/madang/pods");
}

#[tokio::test]
async fn all_services_get_a_free_port_each() {
    let (client, _) = fake::client(|_, _| fake::missing());
    let cluster = Cluster { client, context: None, namespace: "madang".into() };
    let shop = Forwards::new().shop(&cluster).await.unwrap();
    let urls: std::collections::BTreeSet<&str> =
        Service::ALL.iter().map(|service| shop.url(*service)).collect();
    assert_eq!(urls.len(), 8);
}
