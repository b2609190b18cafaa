use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use serde_json::json;

use super::target::Cluster;

const INJECTION: (&str, &str) = ("istio-injection", "enabled");
const SECURITY: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");
/// Says which revision of the mesh injects; where it is set, `istio-injection` would override it.
const REVISION: &str = "istio.io/rev";

/// Makes the shop's namespace, or gives one that is there the labels that it lacks.
///
/// # Errors
/// Where the API server refuses.
pub(crate) async fn ensure(cluster: &Cluster) -> Result<()> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let name = cluster.namespace.as_str();
    let there = api.get_opt(name).await.with_context(|| format!("cannot read namespace {name}"))?;
    let Some(there) = there else {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(lacks(&BTreeMap::new())),
            ..ObjectMeta::default()
        };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let made = api.create(&PostParams::default(), &namespace).await;
        return made.map(drop).with_context(|| format!("cannot make namespace {name}"));
    };
    let labels = lacks(&there.metadata.labels.unwrap_or_default());
    if !labels.is_empty() {
        let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
        let patched = api.patch(name, &PatchParams::default(), &patch).await;
        patched.with_context(|| format!("cannot label namespace {name}"))?;
    }
    Ok(())
}

/// The labels that a namespace lacks; what somebody set otherwise stays.
fn lacks(there: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let wanted = [INJECTION, SECURITY].into_iter();
    let missing = wanted.filter(|(key, _)| !there.contains_key(*key));
    let missing = missing.filter(|label| *label != INJECTION || !there.contains_key(REVISION));
    missing.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(there: &[&str]) -> Vec<String> {
        let there = there.iter().map(|key| ((*key).to_owned(), "x".to_owned())).collect();
        lacks(&there).into_keys().collect()
    }

    #[test]
    fn what_somebody_set_stays() {
        assert_eq!(lacking(&[]), ["istio-injection", "pod-security.kubernetes.io/enforce"]);
        assert_eq!(lacking(&["istio-injection"]), ["pod-security.kubernetes.io/enforce"]);
        assert_eq!(lacking(&["istio.io/rev"]), ["pod-security.kubernetes.io/enforce"]);
    }
}
