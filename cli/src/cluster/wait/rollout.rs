use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{Seen, Why, why};
use crate::cluster::charts::Release;

/// Helm writes here to which release an object belongs.
const RELEASE: &str = "meta.helm.sh/release-name";
/// The mesh makes the edge's Deployment of the Gateway that commons has, and writes this on it.
const GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";

/// How far a workload has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rollout {
    /// Such as Deployment.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) ready: i32,
    pub(crate) wanted: i32,
    /// How many are of the newest version.
    pub(crate) new: i32,
    /// Whether what serves is what is wanted, all of it and nothing older.
    pub(crate) is_done: bool,
    /// Its pods that do not serve, and why.
    pub(crate) pods: Vec<(String, Why)>,
}

impl Rollout {
    /// Whether waiting is of no use.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.pods.iter().any(|(_, why)| why.is_hopeless)
    }

    /// What people should be told while it is waited for.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = String> {
        self.pods.iter().filter(|(_, why)| why.is_trouble).map(|(pod, why)| format!("{pod}: {}", why.text))
    }
}

/// The workloads of these releases.
pub(crate) fn rollouts(seen: &Seen, releases: &BTreeSet<&str>) -> Vec<Rollout> {
    let deployments = seen.deployments.iter().filter(|it| belongs(&it.metadata, releases));
    let stateful_sets = seen.stateful_sets.iter().filter(|it| belongs(&it.metadata, releases));
    let jobs = seen.jobs.iter().filter(|it| belongs(&it.metadata, releases));
    let mut all: Vec<Rollout> = deployments.map(|it| deployment(it, &seen.pods)).collect();
    all.extend(stateful_sets.map(|it| stateful_set(it, &seen.pods)));
    all.extend(jobs.map(|it| job(it, &seen.pods)));
    all
}

fn belongs(meta: &ObjectMeta, releases: &BTreeSet<&str>) -> bool {
    let of = |map: &Option<BTreeMap<String, String>>, key| map.as_ref().and_then(|it| it.get(key)).cloned();
    let release = of(&meta.annotations, RELEASE);
    let is_edge = of(&meta.labels, GATEWAY).is_some() && releases.contains(Release::Commons.name());
    is_edge || release.is_some_and(|release| releases.contains(release.as_str()))
}

fn deployment(it: &Deployment, pods: &[Pod]) -> Rollout {
    let wanted = it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = it.status.clone().unwrap_or_default();
    let is_seen = status.observed_generation >= it.metadata.generation;
    let ready = status.available_replicas.unwrap_or_default();
    let updated = status.updated_replicas.unwrap_or_default();
    let is_done =
        is_seen && ready >= wanted && updated >= wanted && status.replicas.unwrap_or_default() == updated;
    let selector = it.spec.as_ref().map(|spec| &spec.selector);
    let pods = held_up(pods, selector);
    Rollout { kind: "Deployment", name: name(&it.metadata), ready, wanted, new: updated, is_done, pods }
}

fn stateful_set(it: &StatefulSet, pods: &[Pod]) -> Rollout {
    let wanted = it.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = it.status.clone().unwrap_or_default();
    let is_seen = status.observed_generation >= it.metadata.generation;
    let ready = status.ready_replicas.unwrap_or_default();
    let is_done = is_seen && ready >= wanted && status.update_revision == status.current_revision;
    let selector = it.spec.as_ref().map(|spec| &spec.selector);
    let pods = held_up(pods, selector);
    let new = status.updated_replicas.unwrap_or_default();
    Rollout { kind: "StatefulSet", name: name(&it.metadata), ready, wanted, new, is_done, pods }
}

fn job(it: &Job, pods: &[Pod]) -> Rollout {
    let status = it.status.clone().unwrap_or_default();
    let has = |kind: &str| {
        let mut conditions = status.conditions.iter().flatten();
        conditions.any(|condition| condition.type_ == kind && condition.status == "True")
    };
    let (is_done, has_failed) = (has("Complete"), has("Failed"));
    let mut pods = match is_done {
        true => Vec::new(),
        false => held_up(pods, it.spec.as_ref().and_then(|spec| spec.selector.as_ref())),
    };
    if has_failed {
        pods.push((name(&it.metadata), Why::hopeless("the Job failed; delete it and deploy again")));
    }
    let ready = status.succeeded.unwrap_or_default();
    Rollout { kind: "Job", name: name(&it.metadata), ready, wanted: 1, new: 1, is_done, pods }
}

fn held_up(pods: &[Pod], selector: Option<&LabelSelector>) -> Vec<(String, Why)> {
    let Some(wanted) = selector.and_then(|selector| selector.match_labels.as_ref()) else {
        return Vec::new();
    };
    let is_selected = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    };
    let held = pods.iter().filter(is_selected).filter_map(|pod| Some((name(&pod.metadata), why(pod)?)));
    held.collect()
}

fn name(meta: &ObjectMeta) -> String {
    meta.name.clone().unwrap_or_default()
}
