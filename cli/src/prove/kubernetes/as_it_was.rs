//! Whether a shop is after a trial what it was before it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use kube::api::ListParams;
use madang_experiments::{Kind, Object};
use serde_json::Value;

use super::change::api;
use crate::cluster::Cluster;

/// How pods are marked by `kubectl rollout restart` and by kube: what is rolled out anew is still the same.
const RESTARTED: [&str; 2] = ["kubectl.kubernetes.io/restartedAt", "kube.kubernetes.io/restartedAt"];

/// What the objects of a shop are to be.
#[derive(Debug, PartialEq)]
pub(super) struct AsItWas(BTreeMap<Object, Value>);

impl AsItWas {
    /// As it is now. A kind that the cluster does not know has no objects.
    ///
    /// # Errors
    /// Where objects cannot be listed.
    pub(super) async fn read(cluster: &Cluster) -> Result<Self> {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_of_the_shop());
        let lists = kinds.map(|kind| async move {
            match api(cluster, kind).list(&ListParams::default()).await {
                Err(kube::Error::Api(error)) if error.code == 404 => Ok(Vec::new()),
                listed => Ok(listed.with_context(|| format!("cannot list {kind:?}s"))?.items),
            }
            .map(|items| (kind, items))
        });
        let lists: Vec<(Kind, Vec<_>)> = try_join_all(lists).await.map_err(|error: anyhow::Error| error)?;
        let all = lists.into_iter().flat_map(|(kind, items)| items.into_iter().map(move |it| (kind, it)));
        let named =
            all.filter_map(|(kind, it)| Some((kind.named(it.metadata.name.clone()?), wanted(kind, it.data))));
        Ok(Self(named.collect()))
    }

    /// What differs, a line each.
    pub(super) fn against(&self, now: &Self) -> Vec<String> {
        let other = self.0.iter().filter_map(|(object, spec)| match now.0.get(object) {
            None => Some(format!("{object} is gone")),
            Some(now) if now != spec => Some(format!("{object} is another")),
            Some(_) => None,
        });
        let new = now.0.keys().filter(|object| !self.0.contains_key(object));
        other.chain(new.map(|object| format!("{object} is new"))).collect()
    }
}

/// What an object is to be. How many pods there are is the autoscaler's.
fn wanted(kind: Kind, mut data: Value) -> Value {
    let mut spec = data["spec"].take();
    if kind == Kind::Deployment {
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("replicas");
        }
        if let Some(annotations) =
            spec.pointer_mut("/template/metadata/annotations").and_then(Value::as_object_mut)
        {
            annotations.retain(|name, _| !RESTARTED.contains(&name.as_str()));
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shop(deployments: &[(&str, Value)]) -> AsItWas {
        let named = deployments.iter().map(|(name, spec)| {
            (
                Kind::Deployment.named(*name),
                wanted(Kind::Deployment, json!({ "spec": spec, "status": { "x": 1 } })),
            )
        });
        AsItWas(named.collect())
    }

    #[test]
    fn what_is_gone_new_or_another_is_told() {
        let before = shop(&[("a", json!({ "image": 1 })), ("b", json!({ "image": 1 }))]);
        let after = shop(&[("b", json!({ "image": 2 })), ("c", json!({ "image": 1 }))]);
        assert_eq!(
            before.against(&after),
            ["Deployment a is gone", "Deployment b is another", "Deployment c is new"]
        );
        assert!(before.against(&before).is_empty());
    }

    #[test]
    fn more_pods_and_new_pods_are_no_difference() {
        let one = json!({ "replicas": 2, "template": { "metadata": { "annotations": { "x": "1" } } } });
        for mark in RESTARTED {
            let two = json!({ "replicas": 5, "template": { "metadata": { "annotations": { "x": "1", mark: "now" } } } });
            assert!(shop(&[("a", one.clone())]).against(&shop(&[("a", two)])).is_empty());
        }
    }
}
