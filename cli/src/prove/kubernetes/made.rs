//! What a trial makes in a cluster besides what is there. All of it bears a label, so that whoever comes next can take it away.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams};
use serde_json::Value;
use tokio::time::Instant;

use super::change::LABEL;
use crate::cluster::{Cluster, why};

/// The label's value.
pub(super) const MADE: &str = "made";
/// How long a pod may take to do what it is for: on a node that is busy its sidecar starts slowly.
const LIMIT: Duration = Duration::from_secs(150);
const BETWEEN: Duration = Duration::from_millis(200);

/// Something that a trial made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    kind: Kind,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pod,
    NetworkPolicy,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Pod, Self::NetworkPolicy];

    fn api(self, cluster: &Cluster) -> Api<DynamicObject> {
        let group = match self {
            Self::Pod => "",
            Self::NetworkPolicy => "networking.k8s.io",
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", &format!("{self:?}")));
        Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource)
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// All that trials made in a shop and that is still there. What may not be listed was not made either.
pub(super) async fn left(cluster: &Cluster) -> Vec<Made> {
    let ours = ListParams::default().labels(&format!("{LABEL}={MADE}"));
    let lists = Kind::ALL.map(|kind| {
        let ours = &ours;
        async move {
            let listed = kind.api(cluster).list(ours).await;
            let names = listed.into_iter().flatten().filter_map(|it| it.metadata.name);
            names.map(|name| Made { kind, name }).collect::<Vec<_>>()
        }
    });
    join_all(lists).await.into_iter().flatten().collect()
}

/// Takes one of them away, at once: nothing in it is worth a wait.
pub(super) async fn remove(cluster: &Cluster, made: &Made) -> Result<()> {
    match made.kind.api(cluster).delete(&made.name, &DeleteParams::default().grace_period(0)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot delete {made}")),
    }
}

/// Makes a pod; answers the name that it got.
pub(super) async fn pod(cluster: &Cluster, pod: Value) -> Result<String> {
    let pods: Api<Pod> = cluster.api();
    let made = pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await;
    made.context("cannot make a pod")?.metadata.name.context("a pod without a name")
}

/// Makes a policy of the network, unless it is there.
pub(super) async fn network_policy(cluster: &Cluster, policy: Value) -> Result<()> {
    match Kind::NetworkPolicy
        .api(cluster)
        .create(&PostParams::default(), &serde_json::from_value(policy)?)
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error).context("cannot make a NetworkPolicy"),
    }
}

/// Takes a pod away.
pub(super) async fn remove_pod(cluster: &Cluster, name: &str) -> Result<()> {
    remove(cluster, &Made { kind: Kind::Pod, name: name.to_owned() }).await
}

/// Waits until a pod has come so far; the answer is what was waited for.
pub(super) async fn until<T>(cluster: &Cluster, name: &str, so_far: impl Fn(&Pod) -> Option<T>) -> Result<T> {
    let pods: Api<Pod> = cluster.api();
    let end = Instant::now() + LIMIT;
    loop {
        let pod = pods.get(name).await.with_context(|| format!("cannot read Pod {name}"))?;
        if let Some(seen) = so_far(&pod) {
            return Ok(seen);
        }
        let why = why(&pod);
        if let Some(why) = why.as_ref().filter(|why| why.is_hopeless) {
            bail!("Pod {name} {}", why.text);
        }
        let why = why.map_or_else(|| "has not come so far".to_owned(), |why| why.text);
        ensure!(Instant::now() < end, "Pod {name} {why} after {} s", LIMIT.as_secs());
        tokio::time::sleep(BETWEEN).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::fake;

    #[tokio::test]
    async fn what_trials_made_is_found_and_taken_away() {
        let item = |name: &str| json!({ "metadata": {}, "items": [{ "metadata": { "name": name } }] });
        let (client, asked) = fake::client(move |line, _| match line {
            "GET /api/v1/namespaces/madang/pods" => (200, item("asks-1")),
            "GET /apis/networking.k8s.io/v1/namespaces/madang/networkpolicies" => (200, item("lets")),
            "DELETE /api/v1/namespaces/madang/pods/asks-1" => {
                (200, json!({ "metadata": { "name": "asks-1" } }))
            }
            _ => fake::missing(),
        });
        let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
        let left = left(&cluster).await;
        assert_eq!(
            left.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["Pod asks-1", "NetworkPolicy lets"]
        );
        for made in &left {
            // The second is gone already.
            remove(&cluster, made).await.unwrap();
        }
        let deleted = asked.lock().unwrap().iter().filter(|(line, _)| line.starts_with("DELETE")).count();
        assert_eq!(deleted, 2);
    }

    #[tokio::test]
    async fn a_pod_is_awaited_unless_it_can_never_come_so_far() {
        let waits = json!({ "name": "ask", "image": "cli:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": { "reason": "InvalidImageName" } } });
        let seen = async |waits: Value, looks: usize| {
            let (client, asked) = fake::client(move |_, _| {
                (200, json!({ "metadata": { "name": "asks-1" }, "status": { "containerStatuses": [waits] } }))
            });
            let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
            until(&cluster, "asks-1", |_| (asked.lock().unwrap().len() == looks).then_some(looks)).await
        };
        let mut running = waits.clone();
        running["state"] = json!({ "running": {} });
        assert_eq!(seen(running, 2).await.unwrap(), 2);
        let error = seen(waits, 2).await.unwrap_err().to_string();
        assert!(error.starts_with("Pod asks-1 ask: image cli:1 is not there"), "{error}");
    }
}
