use std::collections::BTreeMap;

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

use crate::cluster::Cluster;

/// What is in this namespace counts for the whole mesh.
const ROOT: &str = "istio-system";
/// What Istio does where nothing is said.
const DEFAULT: &str = "PERMISSIVE";

type Labels = BTreeMap<String, String>;

/// What the mesh has on identity and permissions: only the specs, of the shop's namespace and of the whole mesh.
#[derive(Debug, Clone, Default)]
pub(super) struct Mesh {
    pub(super) own_authentications: Vec<Value>,
    pub(super) root_authentications: Vec<Value>,
    pub(super) own_policies: Vec<Value>,
    pub(super) root_policies: Vec<Value>,
}

impl Mesh {
    /// Asks the API server. One that knows no Istio has none; what one may not read in the mesh's own namespace is left out.
    ///
    /// # Errors
    /// Where the API server refuses.
    pub(super) async fn read(cluster: &Cluster) -> Result<Self> {
        let (authentications, policies) = ("PeerAuthentication", "AuthorizationPolicy");
        let own = cluster.namespace.as_str();
        Ok(Self {
            own_authentications: specs(cluster, own, authentications).await?,
            root_authentications: specs(cluster, ROOT, authentications).await?,
            own_policies: specs(cluster, own, policies).await?,
            root_policies: specs(cluster, ROOT, policies).await?,
        })
    }

    /// The mTLS mode in force for pods with these labels: the workload's own, else the namespace's, else the mesh's.
    pub(super) fn mode(&self, labels: &Labels) -> String {
        let own = || self.own_authentications.iter();
        let of_workload = own().find(|spec| selector(spec).is_some_and(|it| matches(it, labels)));
        let of_namespace = own().find(|spec| selector(spec).is_none());
        let of_mesh = self.root_authentications.iter().find(|spec| selector(spec).is_none());
        let found = [of_workload, of_namespace, of_mesh].into_iter().flatten();
        let mut modes =
            found.filter_map(|spec| spec["mtls"]["mode"].as_str()).filter(|mode| *mode != "UNSET");
        let mode = modes.next().unwrap_or(DEFAULT);
        match of_workload.is_some_and(|spec| spec["portLevelMtls"].is_object()) {
            true => format!("{mode}, other on some ports"),
            false => mode.to_owned(),
        }
    }

    /// How many AuthorizationPolicies count for pods with these labels.
    pub(super) fn policies(&self, labels: &Labels) -> usize {
        let all = self.own_policies.iter().chain(&self.root_policies);
        // Those with targets are for gateways and waypoints.
        let of_pods = all.filter(|spec| spec["targetRef"].is_null() && spec["targetRefs"].is_null());
        of_pods.filter(|spec| selector(spec).is_none_or(|it| matches(it, labels))).count()
    }
}

async fn specs(cluster: &Cluster, namespace: &str, kind: &str) -> Result<Vec<Value>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("security.istio.io", "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().map(|it| it.data["spec"].clone()).collect()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(kube::Error::Api(status)) if status.is_forbidden() && namespace == ROOT => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot list {kind} in {namespace}")),
    }
}

/// The labels that the pods must have; none where all are meant.
fn selector(spec: &Value) -> Option<&serde_json::Map<String, Value>> {
    spec["selector"]["matchLabels"].as_object().filter(|labels| !labels.is_empty())
}

fn matches(wanted: &serde_json::Map<String, Value>, labels: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}
