//! Nodes, and pods that go from them: by eviction, which budgets may refuse for a while, or by deletion.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::{Node, Pod as Object};
use kube::Api;
use kube::api::{DeleteParams, EvictParams, ListParams};
use madang_experiments::{Nodes, Pod};
use tokio::time::{Instant, sleep};

use super::pods::Pods;
use super::workload;
use crate::cluster::{Cluster, Seen};

/// Of all pods of the shop.
const SHOP: &str = "app.kubernetes.io/part-of=madang";
const NAME: &str = "app.kubernetes.io/name";
/// How long a budget may refuse; how long a pod may take to go; how long all may take to serve.
const LIMIT: Duration = Duration::from_secs(180);
const BETWEEN: Duration = Duration::from_secs(1);
/// Why an eviction is refused that a budget does not allow.
const BUDGET: &str = "DisruptionBudget";

#[tonic::async_trait(?Send)]
impl Nodes for Pods {
    async fn nodes(&self) -> Result<Vec<String>> {
        let api: Api<Node> = Api::all(self.cluster.client.clone());
        let nodes = api.list(&ListParams::default()).await.context("cannot list the nodes")?;
        Ok(nodes
            .items
            .iter()
            .filter(|node| takes_pods(node))
            .filter_map(|it| it.metadata.name.clone())
            .collect())
    }

    async fn standing(&self) -> Result<Vec<Pod>> {
        let listed = api(&self.cluster).list(&ListParams::default().labels(SHOP)).await;
        Ok(listed.context("cannot list pods")?.items.iter().filter_map(standing).collect())
    }

    async fn evict(&self, pod: &Pod) -> Result<bool> {
        evict(&self.asking_once, pod).await
    }

    async fn delete(&self, pods: &[Pod]) -> Result<()> {
        let (api, usual) = (api(&self.cluster), DeleteParams::default());
        for deleted in join_all(pods.iter().map(|pod| api.delete(&pod.name, &usual))).await {
            if let Err(error) = deleted.map(drop)
                && !is(&error, 404)
            {
                return Err(error).context("cannot delete a pod");
            }
        }
        try_join_all(pods.iter().map(|pod| gone(&self.cluster, pod))).await.map(drop)
    }

    async fn all_serve(&self) -> Result<()> {
        all_serve(&self.cluster).await
    }
}

fn api(cluster: &Cluster) -> Api<Object> {
    cluster.api()
}

/// A node that nobody keeps pods from.
fn takes_pods(node: &Node) -> bool {
    let Some(spec) = &node.spec else { return false };
    let keeps_off = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
    !spec.unschedulable.unwrap_or_default()
        && !spec.taints.iter().flatten().any(|taint| keeps_off(&taint.effect))
}

/// A pod that is to run on. Those of a DaemonSet belong to their node, those of a Job end by themselves.
fn standing(pod: &Object) -> Option<Pod> {
    let goes_with_its_node = |kind: &str| matches!(kind, "DaemonSet" | "Job" | "Node");
    let owners = pod.metadata.owner_references.iter().flatten();
    let is_about_to_end = pod.metadata.deletion_timestamp.is_some();
    if is_about_to_end || owners.map(|owner| owner.kind.as_str()).any(goes_with_its_node) {
        return None;
    }
    let labels: &BTreeMap<_, _> = pod.metadata.labels.as_ref()?;
    Some(Pod {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
        of: labels.get(NAME)?.clone(),
        node: pod.spec.as_ref()?.node_name.clone()?,
    })
}

/// Evicts a pod as soon as its budget allows that, and waits until it is gone. Answers whether a budget refused at first.
async fn evict(cluster: &Cluster, pod: &Pod) -> Result<bool> {
    let (end, mut is_held) = (Instant::now() + LIMIT, false);
    loop {
        match api(cluster).evict(&pod.name, &EvictParams::default()).await {
            Ok(_) => break,
            Err(error) if is(&error, 404) => break,
            Err(error) if is(&error, 429) => is_held |= is_by_a_budget(&error),
            Err(error) => return Err(error).with_context(|| format!("cannot evict {}", pod.name)),
        }
        ensure!(Instant::now() < end, "no budget allows that {} goes, after {} s", pod.name, LIMIT.as_secs());
        sleep(BETWEEN).await;
    }
    gone(cluster, pod).await?;
    Ok(is_held)
}

fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(refusal) if refusal.code == code)
}

fn is_by_a_budget(error: &kube::Error) -> bool {
    let kube::Error::Api(refusal) = error else { return false };
    refusal.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == BUDGET)
}

/// Waits until a pod is gone. That of a StatefulSet is followed by one of the same name.
async fn gone(cluster: &Cluster, pod: &Pod) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let there = api(cluster).get_opt(&pod.name).await.context("cannot read a pod")?;
        if there.and_then(|there| there.metadata.uid).is_none_or(|uid| uid != pod.uid) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{} does not go, after {} s", pod.name, LIMIT.as_secs());
        sleep(BETWEEN).await;
    }
}

async fn all_serve(cluster: &Cluster) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let seen = Seen::read(cluster).await?;
        let mut waiting = workload::not_serving(&seen.deployments);
        let sets = seen.stateful_sets.iter().filter(|set| {
            let ready = set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
            ready < set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
        });
        waiting.extend(sets.filter_map(|set| set.metadata.name.clone()));
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("not all serve after {} s: {}", LIMIT.as_secs(), waiting.join(", "));
        }
        sleep(BETWEEN).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::fake;

    fn node(spec: Value) -> Node {
        serde_json::from_value(json!({ "metadata": { "name": "a" }, "spec": spec })).unwrap()
    }

    #[test]
    fn a_node_takes_pods_unless_somebody_keeps_them_off() {
        assert!(takes_pods(&node(json!({}))));
        assert!(takes_pods(&node(json!({ "taints": [{ "key": "x", "effect": "PreferNoSchedule" }] }))));
        assert!(!takes_pods(&node(json!({ "taints": [{ "key": "x", "effect": "NoSchedule" }] }))));
        assert!(!takes_pods(&node(json!({ "unschedulable": true }))));
    }

    fn object(owner: &str, node: Option<&str>) -> Object {
        let owner = json!({ "apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "x" });
        let metadata = json!({ "name": "catalog-1", "uid": "1", "labels": { NAME: "catalog" }, "ownerReferences": [owner] });
        serde_json::from_value(
            json!({ "metadata": metadata, "spec": { "containers": [], "nodeName": node } }),
        )
        .unwrap()
    }

    fn pod() -> Pod {
        standing(&object("ReplicaSet", Some("a"))).unwrap()
    }

    #[test]
    fn pods_of_jobs_and_of_nodes_do_not_stand_there() {
        let pod = pod();
        assert_eq!((pod.of.as_str(), pod.node.as_str()), ("catalog", "a"));
        for owner in ["Job", "DaemonSet", "Node"] {
            assert!(standing(&object(owner, Some("a"))).is_none(), "{owner}");
        }
        assert!(standing(&object("ReplicaSet", None)).is_none());
    }

    /// An API server that refuses so many evictions, and has the pod until one passed.
    fn cluster(refusals: usize, reason: &'static str) -> (Cluster, fake::Asked) {
        let (mut left, mut is_there) = (refusals, true);
        let (client, asked) = fake::client(move |line, _| {
            if line.starts_with("GET") {
                return if is_there {
                    (200, json!(object("ReplicaSet", Some("a"))))
                } else {
                    fake::missing()
                };
            }
            if left == 0 {
                is_there = false;
                return (
                    201,
                    json!({ "kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201 }),
                );
            }
            left -= 1;
            let (code, mut refusal) = fake::refusal(429, "TooManyRequests");
            refusal["details"] = json!({ "causes": [{ "reason": reason, "message": "x" }] });
            (code, refusal)
        });
        (Cluster { client, context: None, namespace: "madang".to_owned() }, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn an_eviction_that_a_budget_refuses_is_asked_for_again() {
        let (free, _) = cluster(0, BUDGET);
        assert!(!evict(&free, &pod()).await.unwrap());
        let (held, asked) = cluster(3, BUDGET);
        assert!(evict(&held, &pod()).await.unwrap());
        let evictions = asked.lock().unwrap().iter().filter(|(line, _)| line.ends_with("/eviction")).count();
        assert_eq!(evictions, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_api_server_is_no_budget_and_a_budget_that_never_allows_it_is_told() {
        let (busy, _) = cluster(2, "");
        assert!(!evict(&busy, &pod()).await.unwrap());
        let (never, _) = cluster(usize::MAX, BUDGET);
        let error = evict(&never, &pod()).await.unwrap_err().to_string();
        assert!(error.starts_with("no budget allows that catalog-1 goes"), "{error}");
    }
}
