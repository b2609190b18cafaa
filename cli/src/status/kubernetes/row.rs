use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::mesh::Mesh;
use crate::cluster::{Seen, why};
use crate::shop::Service;

const NAME: &str = "app.kubernetes.io/name";
const PART_OF: &str = "app.kubernetes.io/part-of";
const VERSION: &str = "app.kubernetes.io/version";
const TRACK: &str = "madang.dev/track";
const PROXY: &str = "istio-proxy";

/// A Deployment of a service: its stable one, or its canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) service: Service,
    /// None where the service is not deployed.
    pub(super) track: Option<String>,
    pub(super) ready: i32,
    pub(super) wanted: i32,
    pub(super) version: String,
    pub(super) image_tag: String,
    pub(super) mtls: String,
    pub(super) policies: usize,
    /// How many of its pods have a sidecar.
    pub(super) sidecars: usize,
    pub(super) pods: usize,
    pub(super) restarts: i32,
    /// What holds its pods up.
    pub(super) troubles: Vec<String>,
}

impl Row {
    /// Whether as many pods serve as are wanted.
    pub(super) fn is_ready(&self) -> bool {
        self.track.is_some() && self.ready >= self.wanted
    }

    fn missing(service: Service) -> Self {
        Self {
            service,
            track: None,
            ready: 0,
            wanted: 0,
            version: String::new(),
            image_tag: String::new(),
            mtls: String::new(),
            policies: 0,
            sidecars: 0,
            pods: 0,
            restarts: 0,
            troubles: Vec::new(),
        }
    }
}

/// One row for each Deployment of a service, and one for each service that has none.
pub(super) fn rows(seen: &Seen, mesh: &Mesh) -> Vec<Row> {
    let mut rows = Vec::new();
    for service in Service::ALL {
        let is_own = |it: &&Deployment| {
            let label =
                |key| it.metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
            label(NAME) == Some(service.name()) && label(PART_OF) == Some("madang")
        };
        let mut own: Vec<Row> =
            seen.deployments.iter().filter(is_own).map(|it| row(service, it, &seen.pods, mesh)).collect();
        // `stable` before `canary`.
        own.sort_by(|one, two| two.track.cmp(&one.track));
        match own.is_empty() {
            true => rows.push(Row::missing(service)),
            false => rows.append(&mut own),
        }
    }
    rows
}

fn row(service: Service, it: &Deployment, pods: &[Pod], mesh: &Mesh) -> Row {
    let spec = it.spec.clone().unwrap_or_default();
    let labels = spec.template.metadata.and_then(|meta| meta.labels).unwrap_or_default();
    let own_labels = it.metadata.labels.clone().unwrap_or_default();
    let label = |key: &str| own_labels.get(key).or_else(|| labels.get(key)).cloned().unwrap_or_default();
    let selector = spec.selector.match_labels.unwrap_or_default();
    let pods: Vec<&Pod> = pods.iter().filter(|pod| has(pod, &selector)).collect();
    let containers = spec.template.spec.map(|spec| spec.containers).unwrap_or_default();
    let own = containers.iter().find(|it| it.name == service.name()).or(containers.first());
    let status = it.status.as_ref();
    Row {
        service,
        track: Some(label(TRACK)),
        ready: status.and_then(|status| status.ready_replicas).unwrap_or_default(),
        wanted: spec.replicas.unwrap_or(1),
        version: label(VERSION),
        image_tag: own.and_then(|it| it.image.as_deref()).map_or_else(String::new, tag),
        mtls: mesh.mode(&labels),
        policies: mesh.policies(&labels),
        sidecars: pods.iter().filter(|pod| has_sidecar(pod)).count(),
        pods: pods.len(),
        restarts: pods.iter().map(|pod| restarts(pod)).sum(),
        troubles: pods.iter().filter_map(|pod| trouble(pod)).collect(),
    }
}

fn has(pod: &Pod, wanted: &BTreeMap<String, String>) -> bool {
    let labels = pod.metadata.labels.as_ref();
    !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
}

/// A sidecar is a container, or an init container that goes on.
fn has_sidecar(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.any(|container| container.name == PROXY)
}

fn restarts(pod: &Pod) -> i32 {
    let Some(status) = &pod.status else { return 0 };
    let own = status.container_statuses.iter().flatten();
    let all = own.chain(status.init_container_statuses.iter().flatten());
    all.map(|ContainerStatus { restart_count, .. }| restart_count).sum()
}

fn trouble(pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Some(format!("{name}: {}", why(pod)?.text))
}

/// What stands behind an image's name: its tag, or the beginning of its digest.
fn tag(image: &str) -> String {
    if let Some((_, digest)) = image.split_once('@') {
        return digest.chars().take("sha256:".len() + 12).collect();
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map_or_else(|| "latest".to_owned(), |(_, tag)| tag.to_owned())
}
