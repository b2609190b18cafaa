use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use crate::cluster::Cluster;

/// How many pods a deployment had before it was scaled to nothing.
const ANNOTATION: &str = "madang.dev/prove-replicas";
/// How long pods may take to go, and to serve again.
const LIMIT: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(200);

/// Services of which fewer pods serve than are wanted.
pub(super) fn not_serving(deployments: &[Deployment]) -> Vec<String> {
    let held = deployments.iter().filter(|deployment| !is_whole(deployment));
    held.filter_map(|deployment| deployment.metadata.name.clone()).collect()
}

fn is_whole(deployment: &Deployment) -> bool {
    let wanted = replicas(deployment);
    let status = deployment.status.clone().unwrap_or_default();
    let is_seen = status.observed_generation >= deployment.metadata.generation;
    let is_alone = status.replicas.unwrap_or_default() == status.updated_replicas.unwrap_or_default();
    is_seen
        && is_alone
        && status.ready_replicas.unwrap_or_default() >= wanted
        && status.updated_replicas.unwrap_or_default() >= wanted
}

fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

fn kept(deployment: &Deployment) -> Option<i32> {
    deployment.metadata.annotations.as_ref()?.get(ANNOTATION)?.parse().ok()
}

/// The deployments that were scaled to nothing, and what they had.
pub(super) async fn left(cluster: &Cluster) -> Result<Vec<(String, i32)>> {
    let api: Api<Deployment> = cluster.api();
    let all = api.list(&ListParams::default()).await?;
    let left = |it: &Deployment| Some((it.metadata.name.clone()?, kept(it)?));
    Ok(all.items.iter().filter_map(left).collect())
}

/// Ends all pods of a service at once, and has no new ones made. What it had is written down at the deployment first.
pub(super) async fn to_nothing(cluster: &Cluster, service: &str) -> Result<()> {
    let api: Api<Deployment> = cluster.api();
    let deployment = api.get(service).await.with_context(|| format!("cannot read {service}"))?;
    let before = kept(&deployment).unwrap_or_else(|| replicas(&deployment));
    ensure!(before > 0, "{service} has no pods");
    let patch = json!({
        "metadata": { "annotations": { ANNOTATION: before.to_string() } },
        "spec": { "replicas": 0 },
    });
    let scaled = api.patch(service, &PatchParams::default(), &Patch::Merge(patch)).await;
    scaled.with_context(|| format!("cannot scale {service}"))?;
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

fn selector(service: &str) -> String {
    format!("app.kubernetes.io/part-of=madang,app.kubernetes.io/name={service},madang.dev/track=stable")
}

/// Gives a service the pods again that it had, and waits until they serve.
pub(super) async fn restore(cluster: &Cluster, service: &str) -> Result<()> {
    let api: Api<Deployment> = cluster.api();
    let deployment = api.get(service).await.with_context(|| format!("cannot read {service}"))?;
    if let Some(before) = kept(&deployment) {
        let patch = json!({
            "metadata": { "annotations": { ANNOTATION: null } },
            "spec": { "replicas": before },
        });
        let scaled = api.patch(service, &PatchParams::default(), &Patch::Merge(patch)).await;
        scaled.with_context(|| format!("cannot scale {service}"))?;
    }
    served(&api, service).await
}

async fn served(api: &Api<Deployment>, service: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    while !is_whole(&api.get(service).await?) {
        if Instant::now() >= end {
            bail!("{service} does not serve again after {} s", LIMIT.as_secs());
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(())
}

/// Has all pods of a service replaced, as `kubectl rollout restart` does, and waits until that is done.
pub(super) async fn roll_out(cluster: &Cluster, service: &str) -> Result<()> {
    let api: Api<Deployment> = cluster.api();
    api.restart(service).await.with_context(|| format!("cannot roll {service} out"))?;
    served(&api, service).await
}

/// The names of a service's pods that are not about to end.
pub(super) async fn pods(cluster: &Cluster, service: &str) -> Result<Vec<String>> {
    let api: Api<Pod> = cluster.api();
    let listed =
        api.list(&ListParams::default().labels(&selector(service))).await.context("cannot list pods")?;
    let there = listed.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(there.filter_map(|pod| pod.metadata.name).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cluster::fake;

    fn deployment(replicas: i32, ready: i32, annotation: Option<&str>) -> Value {
        let annotations = annotation.map(|count| json!({ ANNOTATION: count }));
        json!({
            "metadata": { "name": "payments", "generation": 3, "annotations": annotations },
            "spec": { "replicas": replicas, "selector": {}, "template": {} },
            "status": { "observedGeneration": 3, "replicas": ready, "readyReplicas": ready, "updatedReplicas": ready },
        })
    }

    fn cluster(answer: impl FnMut(&str, &Value) -> (u16, Value) + Send + 'static) -> (Cluster, fake::Asked) {
        let (client, asked) = fake::client(answer);
        (Cluster { client, context: None, namespace: "madang".to_owned() }, asked)
    }

    #[test]
    fn a_service_serves_when_all_its_pods_are_of_the_present_and_ready() {
        let read = |value: Value| vec![serde_json::from_value::<Deployment>(value).unwrap()];
        assert!(not_serving(&read(deployment(2, 2, None))).is_empty());
        assert_eq!(not_serving(&read(deployment(2, 1, None))), ["payments"]);
        let mut old = deployment(2, 2, None);
        old["metadata"]["generation"] = json!(4);
        assert_eq!(not_serving(&read(old)), ["payments"]);
    }

    #[tokio::test]
    async fn what_a_service_had_is_written_down_with_the_harm_and_given_back() {
        let (cluster, asked) = cluster(|line, _| match line {
            line if line.starts_with("GET") && line.ends_with("/pods") => (200, json!({ "items": [] })),
            _ => (200, deployment(2, 2, None)),
        });
        to_nothing(&cluster, "payments").await.unwrap();
        let (line, patch) = asked.lock().unwrap()[1].clone();
        assert_eq!(line, "PATCH /apis/apps/v1/namespaces/madang/deployments/payments");
        assert_eq!(
            (&patch["spec"]["replicas"], &patch["metadata"]["annotations"][ANNOTATION]),
            (&json!(0), &json!("2"))
        );
    }

    #[tokio::test]
    async fn a_harm_that_was_done_twice_is_undone_to_what_was_before_the_first() {
        let (cluster, asked) = cluster(|line, _| match line {
            line if line.ends_with("/pods") => (200, json!({ "items": [] })),
            line if line.starts_with("PATCH") => (200, deployment(2, 2, None)),
            _ => (200, deployment(0, 0, Some("2"))),
        });
        to_nothing(&cluster, "payments").await.unwrap();
        restore(&cluster, "payments").await.unwrap();
        let patches: Vec<Value> = asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(line, _)| line.starts_with("PATCH"))
            .map(|(_, body)| body.clone())
            .collect();
        assert_eq!(patches[0]["metadata"]["annotations"][ANNOTATION], "2");
        assert_eq!(
            (&patches[1]["spec"]["replicas"], &patches[1]["metadata"]["annotations"][ANNOTATION]),
            (&json!(2), &Value::Null)
        );
    }
}
