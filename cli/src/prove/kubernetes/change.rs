//! Changes of objects that undo themselves: what an object was is written into it with the change, in one request.

use anyhow::{Context, Result};
use futures::future::join_all;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use madang_experiments::{Kind, Object};
use serde_json::{Value, json};

use super::undo::{inverse, merged};
use crate::cluster::Cluster;

/// On what is changed, so that it can be found: the namespace of the shop in whose trial it was, since a node is of many.
pub(super) const LABEL: &str = "madang.dev/prove";
/// The merge patch that undoes it.
const UNDO: &str = "madang.dev/prove-undo";

/// As what a trial changes objects: whoever owns the fields of an object may refuse Helm to change them.
const MANAGER: &str = "madang-prove";

/// The objects of a kind.
pub(super) fn api(cluster: &Cluster, kind: Kind) -> Api<DynamicObject> {
    let (group, version) = match kind {
        Kind::Deployment => ("apps", "v1"),
        Kind::HorizontalPodAutoscaler => ("autoscaling", "v2"),
        Kind::DestinationRule | Kind::VirtualService => ("networking.istio.io", "v1"),
        Kind::PeerAuthentication | Kind::AuthorizationPolicy => ("security.istio.io", "v1"),
        Kind::Node => ("", "v1"),
    };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &format!("{kind:?}")));
    match kind.is_of_the_shop() {
        true => Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource),
        false => Api::all_with(cluster.client.clone(), &resource),
    }
}

/// An object as it is.
pub(super) async fn read(cluster: &Cluster, object: &Object) -> Result<Value> {
    let read = api(cluster, object.kind).get(&object.name).await;
    serde_json::to_value(read.with_context(|| format!("cannot read {object}"))?).context("an object")
}

/// Changes an object.
pub(super) async fn change(cluster: &Cluster, object: &Object, patch: Value) -> Result<()> {
    let now = read(cluster, object).await?;
    let undo = merged(inverse(&now, &patch), kept(&now)?.unwrap_or_else(|| json!({})));
    let marks = json!({ "metadata": {
        "labels": { LABEL: cluster.namespace },
        "annotations": { UNDO: undo.to_string() },
    } });
    write(cluster, object, merged(patch, marks)).await
}

/// What an object had before it was changed, of what was changed.
pub(super) async fn before(cluster: &Cluster, object: &Object) -> Result<Value> {
    Ok(kept(&read(cluster, object).await?)?.unwrap_or_default())
}

/// Gives an object back what its changes took.
pub(super) async fn restore(cluster: &Cluster, object: &Object) -> Result<()> {
    let Some(undo) = kept(&read(cluster, object).await?)? else { return Ok(()) };
    let marks = json!({ "metadata": { "labels": { LABEL: null }, "annotations": { UNDO: null } } });
    write(cluster, object, merged(undo, marks)).await?;
    disown(cluster, object).await
}

/// Lets go of the fields of an object: they are nobody's then, until Helm has them again.
async fn disown(cluster: &Cluster, object: &Object) -> Result<()> {
    let mut owners = read(cluster, object).await?["metadata"]["managedFields"].take();
    let Some(all) = owners.as_array_mut() else { return Ok(()) };
    all.retain(|owner| owner["manager"] != MANAGER);
    write(cluster, object, json!({ "metadata": { "managedFields": owners } })).await
}

/// What is changed in a shop. What may not be listed, or is of a kind that the cluster does not know, was not changed either.
pub(super) async fn changed(cluster: &Cluster) -> Vec<Object> {
    let marked = ListParams::default().labels(&format!("{LABEL}={}", cluster.namespace));
    let lists = Kind::ALL.map(|kind| {
        let marked = &marked;
        async move {
            let listed = api(cluster, kind).list(marked).await;
            let names = listed.into_iter().flatten().filter_map(|it| it.metadata.name);
            names.map(|name| kind.named(name)).collect::<Vec<_>>()
        }
    });
    join_all(lists).await.into_iter().flatten().collect()
}

fn kept(object: &Value) -> Result<Option<Value>> {
    let undo = object["metadata"]["annotations"][UNDO].as_str();
    undo.map(|undo| serde_json::from_str(undo).with_context(|| format!("{UNDO} is no patch"))).transpose()
}

async fn write(cluster: &Cluster, object: &Object, patch: Value) -> Result<()> {
    let as_manager = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patched = api(cluster, object.kind).patch(&object.name, &as_manager, &Patch::Merge(patch)).await;
    patched.map(drop).with_context(|| format!("cannot change {object}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::fake;

    fn rule(ejects: u32, undo: Option<&str>) -> Value {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": { "name": "catalog", "annotations": undo.map(|undo| json!({ UNDO: undo })) },
            "spec": { "ejects": ejects },
        })
    }

    fn cluster(now: Value) -> (Cluster, fake::Asked) {
        let (client, asked) = fake::client(move |_, _| (200, now.clone()));
        (Cluster { client, context: None, namespace: "madang".to_owned() }, asked)
    }

    fn patches(asked: &fake::Asked) -> Vec<(String, Value)> {
        let asked = asked.lock().unwrap();
        asked.iter().filter(|(line, _)| line.starts_with("PATCH")).cloned().collect()
    }

    #[tokio::test]
    async fn what_an_object_was_is_written_down_with_the_change() {
        let (cluster, asked) = cluster(rule(5, None));
        change(&cluster, &Kind::DestinationRule.named("catalog"), json!({ "spec": { "ejects": 0 } }))
            .await
            .unwrap();
        let [(line, patch)] = &patches(&asked)[..] else { panic!() };
        assert_eq!(line, "PATCH /apis/networking.istio.io/v1/namespaces/madang/destinationrules/catalog");
        assert_eq!(
            (&patch["spec"]["ejects"], &patch["metadata"]["labels"][LABEL]),
            (&json!(0), &json!("madang"))
        );
        let undo: Value =
            serde_json::from_str(patch["metadata"]["annotations"][UNDO].as_str().unwrap()).unwrap();
        assert_eq!(undo, json!({ "spec": { "ejects": 5 } }));
    }

    #[tokio::test]
    async fn what_was_changed_twice_is_undone_to_what_was_before_the_first() {
        let (cluster, asked) = cluster(rule(0, Some(r#"{"spec":{"ejects":5}}"#)));
        let object = Kind::DestinationRule.named("catalog");
        change(&cluster, &object, json!({ "spec": { "ejects": 1, "other": true } })).await.unwrap();
        restore(&cluster, &object).await.unwrap();
        let patches = patches(&asked);
        let undo = patches[0].1["metadata"]["annotations"][UNDO].as_str().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(undo).unwrap(),
            json!({ "spec": { "ejects": 5, "other": null } })
        );
        let marks = &patches[1].1["metadata"];
        assert_eq!(patches[1].1["spec"], json!({ "ejects": 5 }));
        assert_eq!((&marks["labels"][LABEL], &marks["annotations"][UNDO]), (&Value::Null, &Value::Null));
    }

    #[tokio::test]
    async fn what_was_restored_is_owned_by_others_alone() {
        let mut now = rule(0, Some(r#"{"spec":{"ejects":5}}"#));
        let owner = |name: &str| json!({ "manager": name, "operation": "Update", "fieldsV1": {} });
        now["metadata"]["managedFields"] = json!([owner("helm"), owner(MANAGER)]);
        let (cluster, asked) = cluster(now);
        restore(&cluster, &Kind::DestinationRule.named("catalog")).await.unwrap();
        let patches = patches(&asked);
        assert_eq!(patches[1].1["metadata"]["managedFields"].as_array().unwrap().len(), 1);
        assert_eq!(patches[1].1["metadata"]["managedFields"][0]["manager"], "helm");
    }

    #[tokio::test]
    async fn a_node_is_of_no_namespace_and_says_whose_trial_changed_it() {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a" }, "spec": {} });
        let (cluster, asked) = cluster(node);
        change(&cluster, &Kind::Node.named("a"), json!({ "spec": { "unschedulable": true } })).await.unwrap();
        let [(line, patch)] = &patches(&asked)[..] else { panic!() };
        assert_eq!(line, "PATCH /api/v1/nodes/a");
        assert_eq!(patch["metadata"]["labels"][LABEL], "madang");
        assert_eq!(patch["metadata"]["annotations"][UNDO], r#"{"spec":{"unschedulable":null}}"#);
    }

    #[tokio::test]
    async fn what_was_not_changed_is_left_alone() {
        let (cluster, asked) = cluster(rule(5, None));
        restore(&cluster, &Kind::DestinationRule.named("catalog")).await.unwrap();
        assert!(patches(&asked).is_empty());
    }

    #[tokio::test]
    async fn all_that_is_changed_is_found_where_some_kinds_are_not_known() {
        let (client, _) = fake::client(|line, _| match line.ends_with("/deployments") {
            true => (200, json!({ "metadata": {}, "items": [{ "metadata": { "name": "payments" } }] })),
            false => fake::missing(),
        });
        let cluster = Cluster { client, context: None, namespace: "madang".to_owned() };
        assert_eq!(changed(&cluster).await, [Kind::Deployment.named("payments")]);
    }
}
