//! What the shop stands on: Gateway API, Istio with its CNI plugin, Jaeger, Prometheus, metrics-server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use super::target::Cluster;
use super::tool::{Call, Tools};
use crate::output::Progress;

const LIMIT: Duration = Duration::from_secs(300);
const APPLY: Duration = Duration::from_secs(180);
const BETWEEN: Duration = Duration::from_secs(2);
/// A platform is applied so often at most: what it defines, and the webhooks it has, must be there before the rest is taken.
const TRIES: usize = 6;

/// The parts, by the names of their workloads, and whether the shop cannot do without.
const PARTS: [(&str, &[&str], bool); 5] = [
    ("istiod", &["istiod"], true),
    ("istio-cni", &["istio-cni-node", "istio-cni"], true),
    ("jaeger", &["jaeger"], false),
    ("prometheus", &["prometheus"], false),
    ("metrics-server", &["metrics-server"], false),
];

/// A part of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Where it was found; none where it was not.
    pub(super) namespace: Option<String>,
    pub(super) ready: i32,
    pub(super) wanted: i32,
    /// Whether the shop cannot do without.
    pub(super) is_needed: bool,
}

impl Part {
    pub(super) fn is_ready(&self) -> bool {
        self.namespace.is_some() && self.ready >= self.wanted && self.wanted > 0
    }
}

/// Applies a platform's manifests, again until all of them are taken.
///
/// # Errors
/// With what kubectl said last.
pub(super) async fn apply(
    cluster: &Cluster,
    tools: &Tools,
    folder: &Path,
    progress: &mut Progress,
) -> Result<()> {
    let folder = folder.display().to_string();
    let context = cluster.context.iter().flat_map(|context| ["--context".to_owned(), context.clone()]);
    let call = Call::new("kubectl", ["apply", "--server-side", "-k", &folder]).args(context).within(APPLY);
    let mut last = None;
    for attempt in 1..=TRIES {
        progress.show(&format!("installing the platform ({attempt})"));
        last = tools.run(&call).await.err();
        established(cluster, progress).await?;
        match &last {
            None => return Ok(()),
            Some(_) => tokio::time::sleep(BETWEEN * 2).await,
        }
    }
    Err(last.context("it was not tried")?).context("cannot install the platform")
}

/// Waits until what the platform defines may be used.
async fn established(cluster: &Cluster, progress: &mut Progress) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let end = Instant::now() + LIMIT;
    loop {
        let list =
            api.list(&ListParams::default()).await.context("cannot list the CustomResourceDefinitions")?;
        let awaited = list.items.iter().filter(|it| is_of_the_platform(it) && !is_established(it));
        let waiting: Vec<String> = awaited.map(|it| name(&it.metadata)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("these were not established in time: {}", waiting.join(", "));
        }
        progress.show(&format!("waiting for {}", waiting.join(", ")));
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Others may have definitions in the cluster too, and those may be broken.
fn is_of_the_platform(crd: &CustomResourceDefinition) -> bool {
    let group = crd.spec.group.as_str();
    group == "gateway.networking.k8s.io" || group.ends_with(".istio.io")
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let mut conditions = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// Waits until all parts that are there serve; those that are needed must be there.
///
/// # Errors
/// Names those that do not in time.
pub(super) async fn serving(cluster: &Cluster, progress: &mut Progress) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let parts = read(cluster).await?;
        let is_awaited = |part: &&Part| !part.is_ready() && (part.is_needed || part.namespace.is_some());
        let waiting: Vec<String> = parts.iter().filter(is_awaited).map(told).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("the platform is not ready after {} s: {}", LIMIT.as_secs(), waiting.join(", "));
        }
        progress.show(&format!("waiting for {}", waiting.join(", ")));
        tokio::time::sleep(BETWEEN).await;
    }
}

fn told(part: &Part) -> String {
    match &part.namespace {
        Some(namespace) => format!("{} in {namespace} ({} of {} ready)", part.name, part.ready, part.wanted),
        None => format!("{} (not there)", part.name),
    }
}

/// The parts of the platform.
///
/// # Errors
/// Where the API server refuses.
pub(super) async fn read(cluster: &Cluster) -> Result<Vec<Part>> {
    let all = ListParams::default();
    let deployments: Api<Deployment> = Api::all(cluster.client.clone());
    let daemon_sets: Api<DaemonSet> = Api::all(cluster.client.clone());
    let (deployments, daemon_sets) =
        futures::future::try_join(deployments.list(&all), daemon_sets.list(&all))
            .await
            .context("cannot list the platform")?;
    Ok(parts(&deployments.items, &daemon_sets.items))
}

fn parts(deployments: &[Deployment], daemon_sets: &[DaemonSet]) -> Vec<Part> {
    let of_deployment = |it: &Deployment| {
        let ready = it.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
        (it.metadata.clone(), ready, it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1))
    };
    let of_daemon_set = |it: &DaemonSet| {
        let status = it.status.clone().unwrap_or_default();
        (it.metadata.clone(), status.number_ready, status.desired_number_scheduled)
    };
    let mut all: Vec<(ObjectMeta, i32, i32)> = deployments.iter().map(of_deployment).collect();
    all.extend(daemon_sets.iter().map(of_daemon_set));
    let part = |(title, names, is_needed): (&'static str, &[&str], bool)| {
        let found = all.iter().find(|(meta, ..)| names.contains(&name(meta).as_str()));
        let (ready, wanted) = found.map_or((0, 0), |(_, ready, wanted)| (*ready, *wanted));
        let namespace = found.and_then(|(meta, ..)| meta.namespace.clone());
        Part { name: title, namespace, ready, wanted, is_needed }
    };
    PARTS.map(part).into()
}

fn name(meta: &ObjectMeta) -> String {
    meta.name.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_found_wherever_they_are() {
        let istiod = json!({ "metadata": { "name": "istiod", "namespace": "istio-system" },
            "status": { "readyReplicas": 1 } });
        let cni = json!({ "metadata": { "name": "istio-cni-node", "namespace": "kube-system" },
            "status": { "numberReady": 1, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberMisscheduled": 0 } });
        let parts =
            parts(&[serde_json::from_value(istiod).unwrap()], &[serde_json::from_value(cni).unwrap()]);
        let ready: Vec<bool> = parts.iter().map(Part::is_ready).collect();
        assert_eq!(ready, [true, false, false, false, false]);
        assert_eq!(told(&parts[1]), "istio-cni in kube-system (1 of 3 ready)");
        assert_eq!(told(&parts[2]), "jaeger (not there)");
    }

    #[test]
    fn a_definition_may_be_used_when_it_is_established() {
        let crd = |group: &str, status: &str| -> CustomResourceDefinition {
            let names = json!({ "kind": "X", "plural": "xs" });
            let crd = json!({ "spec": { "group": group, "names": names, "scope": "Namespaced", "versions": [] },
                "status": { "conditions": [{ "type": "Established", "status": status }] } });
            serde_json::from_value(crd).unwrap()
        };
        assert!(is_established(&crd("g", "True")) && !is_established(&crd("g", "False")));
        assert!(
            is_of_the_platform(&crd("security.istio.io", "True")) && !is_of_the_platform(&crd("g", "True"))
        );
    }
}
