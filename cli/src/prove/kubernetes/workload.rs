//! Deployments and their pods.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use madang_experiments::{Kind, Object};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::change;
use crate::cluster::Cluster;
use crate::shop::Service;

/// How long pods may take to go, and to serve again.
const LIMIT: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(200);

/// Services that are not there, or are to have no pods.
pub(super) fn away(deployments: &[Deployment]) -> Vec<String> {
    let serves = |name: &&str| {
        let named = |it: &&Deployment| it.metadata.name.as_deref() == Some(*name);
        deployments.iter().find(named).is_some_and(|deployment| wanted(deployment) > 0)
    };
    Service::ALL.map(Service::name).into_iter().filter(|name| !serves(name)).map(str::to_owned).collect()
}

/// Those, and services of which more or fewer pods serve than are to.
pub(super) fn not_serving(deployments: &[Deployment]) -> Vec<String> {
    let held = deployments.iter().filter(|deployment| wanted(deployment) > 0 && !is_whole(deployment));
    away(deployments).into_iter().chain(held.filter_map(|it| it.metadata.name.clone())).collect()
}

fn wanted(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

fn is_whole(deployment: &Deployment) -> bool {
    let wanted = wanted(deployment);
    let status = deployment.status.clone().unwrap_or_default();
    let is_seen = status.observed_generation >= deployment.metadata.generation;
    let counts = [status.replicas, status.updated_replicas, status.ready_replicas];
    is_seen && wanted > 0 && counts.iter().all(|count| count.unwrap_or_default() == wanted)
}

/// Ends all pods of a service at once, and has no new ones made.
pub(super) async fn to_nothing(cluster: &Cluster, service: &str) -> Result<()> {
    change::change(cluster, &deployment(service), json!({ "spec": { "replicas": 0 } })).await?;
    let pods: Api<Pod> = cluster.api();
    let (own, at_once) =
        (ListParams::default().labels(&selector(service)), DeleteParams::default().grace_period(0));
    let end = Instant::now() + LIMIT;
    loop {
        let there = pods.list(&own).await.context("cannot list pods")?;
        if there.items.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "the pods of {service} do not go");
        for pod in there.items.iter().filter_map(|pod| pod.metadata.name.as_deref()) {
            // It may be gone by itself.
            let _gone = pods.delete(pod, &at_once).await.is_ok();
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Gives a service as many pods again as it had before all of them were ended.
pub(super) async fn from_nothing(cluster: &Cluster, service: &str) -> Result<()> {
    let object = deployment(service);
    match change::before(cluster, &object).await?.pointer("/spec/replicas") {
        Some(replicas) => change::change(cluster, &object, json!({ "spec": { "replicas": replicas } })).await,
        None => Ok(()),
    }
}

/// Has a service's pods made anew with these variables.
pub(super) async fn tell(cluster: &Cluster, service: &str, variables: &[(&str, &str)]) -> Result<()> {
    let object = deployment(service);
    let now = change::read(cluster, &object).await?;
    let mut containers = now["spec"]["template"]["spec"]["containers"].clone();
    let own = containers.as_array_mut().and_then(|all| all.iter_mut().find(|it| it["name"] == service));
    let own = own.with_context(|| format!("{object} has no container of that name"))?;
    let mut told: Vec<Value> = own["env"].as_array().cloned().unwrap_or_default();
    told.retain(|it| !variables.iter().any(|(name, _)| it["name"] == *name));
    told.extend(variables.iter().map(|(name, value)| json!({ "name": name, "value": value })));
    own["env"] = Value::Array(told);
    let patch = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
    change::change(cluster, &object, patch).await
}

fn selector(service: &str) -> String {
    format!("app.kubernetes.io/part-of=madang,app.kubernetes.io/name={service},madang.dev/track=stable")
}

pub(super) fn deployment(service: &str) -> Object {
    Kind::Deployment.named(service)
}

/// Waits until all pods of a service serve, and are as they are to be.
pub(super) async fn served(cluster: &Cluster, service: &str) -> Result<()> {
    let api: Api<Deployment> = cluster.api();
    let end = Instant::now() + LIMIT;
    loop {
        let deployment = api.get(service).await.with_context(|| format!("cannot read {service}"))?;
        if is_whole(&deployment) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{service} does not serve after {} s", LIMIT.as_secs());
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Waits until all pods of a service serve, and those that were to end have ended: a pod that ends still serves for a while.
pub(super) async fn settled(cluster: &Cluster, service: &str) -> Result<()> {
    served(cluster, service).await?;
    until_gone(cluster, &selector(service), is_ending).await
}

/// Waits until of the pods with these labels none is left that is meant.
pub(super) async fn until_gone(
    cluster: &Cluster,
    selector: &str,
    is_meant: impl Fn(&Pod) -> bool,
) -> Result<()> {
    let end = Instant::now() + LIMIT;
    while listed(cluster, selector).await?.iter().any(&is_meant) {
        ensure!(Instant::now() < end, "pods of {selector} are not gone after {} s", LIMIT.as_secs());
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}

fn is_ending(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Has all pods of a service replaced, as `kubectl rollout restart` does, and waits until that is done.
pub(super) async fn roll_out(cluster: &Cluster, service: &str) -> Result<()> {
    let api: Api<Deployment> = cluster.api();
    api.restart(service).await.with_context(|| format!("cannot roll {service} out"))?;
    served(cluster, service).await
}

/// The names of a service's pods that are not about to end.
pub(super) async fn pods(cluster: &Cluster, service: &str) -> Result<Vec<String>> {
    staying(cluster, &selector(service)).await
}

/// The names of the pods with these labels that are not about to end.
pub(super) async fn staying(cluster: &Cluster, selector: &str) -> Result<Vec<String>> {
    let there = listed(cluster, selector).await?.into_iter().filter(|pod| !is_ending(pod));
    Ok(there.filter_map(|pod| pod.metadata.name).collect())
}

/// Whether proxies of the mesh stand beside all pods of a service.
pub(super) async fn is_in_the_mesh(cluster: &Cluster, service: &str) -> Result<bool> {
    // A native sidecar is an init container that goes on; an older one is a container.
    let has_proxy = |pod: &Pod| {
        let spec = pod.spec.iter();
        let mut all = spec.flat_map(|it| it.containers.iter().chain(it.init_containers.iter().flatten()));
        all.any(|container| container.name == "istio-proxy")
    };
    Ok(listed(cluster, &selector(service)).await?.iter().filter(|pod| !is_ending(pod)).all(has_proxy))
}

async fn listed(cluster: &Cluster, selector: &str) -> Result<Vec<Pod>> {
    let api: Api<Pod> = cluster.api();
    let listed = api.list(&ListParams::default().labels(selector)).await;
    Ok(listed.context("cannot list pods")?.items)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cluster::fake;

    pub(in crate::prove::kubernetes) fn payments(replicas: i32, ready: i32) -> Value {
        let containers = json!([{ "name": "payments", "image": "x", "env": [
            { "name": "MADANG_LISTEN", "value": "a" },
            { "name": "MADANG_FAULTS", "value": "false" },
        ] }]);
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "payments", "generation": 3 },
            "spec": { "replicas": replicas, "selector": {}, "template": { "spec": { "containers": containers } } },
            "status": { "observedGeneration": 3, "replicas": ready, "readyReplicas": ready, "updatedReplicas": ready },
        })
    }

    fn cluster(answer: impl FnMut(&str, &Value) -> (u16, Value) + Send + 'static) -> (Cluster, fake::Asked) {
        let (client, asked) = fake::client(answer);
        (Cluster { client, context: None, namespace: "madang".to_owned() }, asked)
    }

    #[test]
    fn a_service_serves_when_all_its_pods_are_of_the_present_and_ready() {
        let others = Service::ALL.map(Service::name).into_iter().filter(|name| *name != "payments");
        let others = others.map(|name| {
            let mut other = payments(1, 1);
            other["metadata"]["name"] = json!(name);
            other
        });
        let others: Vec<Value> = others.collect();
        let with = |value: Value| -> Vec<Deployment> {
            others.iter().cloned().chain([value]).map(|it| serde_json::from_value(it).unwrap()).collect()
        };
        let told = |value: Value| (away(&with(value.clone())), not_serving(&with(value)));
        let nobody: Vec<String> = Vec::new();
        let it = || vec!["payments".to_owned()];
        assert_eq!(told(payments(2, 2)), (nobody.clone(), nobody.clone()));
        assert_eq!(told(payments(2, 1)), (nobody.clone(), it()));
        assert_eq!(told(payments(2, 3)), (nobody.clone(), it()), "one is still to go");
        assert_eq!(told(payments(0, 0)), (it(), it()), "nobody is to serve");
        assert_eq!(told(payments(0, 1)), (it(), it()), "nobody is to serve, and the last still does");
        let mut old = payments(2, 2);
        old["metadata"]["generation"] = json!(4);
        assert_eq!(told(old), (nobody, it()));
        let without = &with(payments(2, 2))[..Service::ALL.len() - 1];
        assert_eq!(away(without), it(), "it is not there");
    }

    #[tokio::test]
    async fn no_new_pods_are_made_before_the_old_ones_end() {
        let (cluster, asked) = cluster(|line, _| match line.ends_with("/pods") {
            true => (200, json!({ "items": [] })),
            false => (200, payments(2, 2)),
        });
        to_nothing(&cluster, "payments").await.unwrap();
        let lines: Vec<String> = asked.lock().unwrap().iter().map(|(line, _)| line.clone()).collect();
        assert!(lines[1].starts_with("PATCH") && lines[2].ends_with("/pods"), "{lines:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_settled_once_its_old_pods_are_gone() {
        let (mut looks, mut ending) = (0, 2);
        let (cluster, asked) = cluster(move |line, _| match line.ends_with("/pods") {
            true => {
                ending -= 1;
                let old =
                    json!({ "metadata": { "name": "old", "deletionTimestamp": "2026-11-26T12:01:00Z" } });
                (200, json!({ "metadata": {}, "items": if ending >= 0 { vec![old] } else { vec![] } }))
            }
            false => {
                looks += 1;
                (200, payments(2, if looks > 1 { 2 } else { 1 }))
            }
        });
        settled(&cluster, "payments").await.unwrap();
        let lines = asked.lock().unwrap().iter().map(|(line, _)| line.ends_with("/pods")).collect::<Vec<_>>();
        assert_eq!(lines, [false, false, true, true, true]);
    }

    #[tokio::test]
    async fn a_service_is_told_a_variable_besides_or_in_place_of_what_it_was_told() {
        let (cluster, asked) = cluster(|_, _| (200, payments(2, 2)));
        tell(&cluster, "payments", &[("MADANG_FAULTS", "true")]).await.unwrap();
        let asked = asked.lock().unwrap();
        let patch = &asked.iter().find(|(line, _)| line.starts_with("PATCH")).unwrap().1;
        assert_eq!(
            patch["spec"]["template"]["spec"]["containers"][0]["env"],
            json!([{ "name": "MADANG_LISTEN", "value": "a" }, { "name": "MADANG_FAULTS", "value": "true" }])
        );
    }
}
