use std::collections::BTreeSet;

use anyhow::{Context, Result};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, PostParams};

use super::judge::version;
use crate::cluster::target::Cluster;

/// What the charts make of Gateway API and Istio.
const CRDS: [&str; 10] = [
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "virtualservices.networking.istio.io",
    "destinationrules.networking.istio.io",
    "serviceentries.networking.istio.io",
    "sidecars.networking.istio.io",
    "peerauthentications.security.istio.io",
    "authorizationpolicies.security.istio.io",
    "telemetries.telemetry.istio.io",
];

/// What the charts make, in the shop's namespace; group and resource.
const MADE: [(&str, &str); 12] = [
    ("", "secrets"),
    ("", "services"),
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("batch", "jobs"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("policy", "poddisruptionbudgets"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "roles"),
    ("security.istio.io", "authorizationpolicies"),
];

/// What was seen of a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) version: Option<(u32, u32)>,
    pub(crate) missing_crds: Vec<String>,
    pub(crate) has_metrics: bool,
    /// What the user may not do, such as `create deployments in apps`.
    pub(crate) forbidden: Vec<String>,
}

impl Server {
    /// Asks the API server what it is and what it knows.
    ///
    /// # Errors
    /// Where it refuses to say.
    pub(super) async fn observe(cluster: &Cluster) -> Result<Self> {
        let client = || cluster.client.clone();
        let said = client().apiserver_version().await.context("cannot read the API server's version")?;
        let crds: Api<CustomResourceDefinition> = Api::all(client());
        let there: BTreeSet<String> = match crds.list_metadata(&ListParams::default()).await {
            Ok(list) => list.items.into_iter().filter_map(|it| it.metadata.name).collect(),
            // Who may not see them may use them all the same.
            Err(kube::Error::Api(status)) if status.is_forbidden() => CRDS.map(ToOwned::to_owned).into(),
            Err(error) => return Err(error).context("cannot list the CustomResourceDefinitions"),
        };
        let groups = client().list_api_groups().await.context("cannot list the API groups")?;
        Ok(Self {
            version: version(&said.git_version),
            missing_crds: CRDS.into_iter().filter(|name| !there.contains(*name)).map(Into::into).collect(),
            has_metrics: groups.groups.iter().any(|group| group.name == "metrics.k8s.io"),
            forbidden: Vec::new(),
        })
    }

    /// Asks it what the user may do as well.
    ///
    /// # Errors
    /// Where it refuses to say.
    pub(super) async fn with_permissions(self, cluster: &Cluster) -> Result<Self> {
        Ok(Self { forbidden: forbidden(cluster).await?, ..self })
    }
}

async fn forbidden(cluster: &Cluster) -> Result<Vec<String>> {
    let own = Some(cluster.namespace.clone());
    let mut asked: Vec<(ResourceAttributes, String)> = Vec::new();
    for (group, resource) in MADE {
        let told = if group.is_empty() { String::new() } else { format!(" of {group}") };
        let told = format!("create {resource}{told} in namespace {}", cluster.namespace);
        asked.push((attributes("create", group, resource, own.clone()), told));
    }
    let pods = attributes("list", "", "pods", own.clone());
    asked.push((pods, format!("list pods in namespace {}", cluster.namespace)));
    let namespaces = attributes("create", "", "namespaces", None);
    let has_namespace = namespace_is_there(cluster).await;
    if !has_namespace {
        asked.push((namespaces, "create namespaces".to_owned()));
    }
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let mut forbidden = Vec::new();
    for (attributes, told) in asked {
        let spec =
            SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let answer =
            api.create(&PostParams::default(), &review).await.context("cannot ask what you may do")?;
        if !answer.status.is_some_and(|status| status.allowed) {
            forbidden.push(told);
        }
    }
    Ok(forbidden)
}

async fn namespace_is_there(cluster: &Cluster) -> bool {
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    api.get_metadata_opt(&cluster.namespace).await.is_ok_and(|found| found.is_some())
}

fn attributes(verb: &str, group: &str, resource: &str, namespace: Option<String>) -> ResourceAttributes {
    ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        namespace,
        ..ResourceAttributes::default()
    }
}
