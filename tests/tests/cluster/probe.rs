//! A pod that asks everybody everything (`madang cluster ask`) under an identity.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use madang_tests::Service;
use madang_tests::cluster::Cluster;
use serde_json::{Value, json};

/// How long all questions may take.
const LIMIT: &str = "--timeout=240s";

/// Something that was reached: whose port, and what there.
pub(crate) type Reached = (String, String);

/// What a pod of this service account reaches. Its label gives its sidecar the scope of the tester, which hears of all services,
/// so that it is their policies that are asked.
pub(crate) async fn reached(cluster: &Cluster, identity: &str) -> Result<BTreeSet<Reached>> {
    let name = format!("ask-as-{identity}");
    let labels = json!({"app.kubernetes.io/name": "tester", "app.kubernetes.io/part-of": "madang-tests"});
    run(cluster, &name, identity, &labels).await
}

/// What a pod without a sidecar reaches, in plain text.
pub(crate) async fn reached_in_plain_text(cluster: &Cluster) -> Result<BTreeSet<Reached>> {
    let labels = json!({"app.kubernetes.io/name": "tester", "sidecar.istio.io/inject": "false"});
    run(cluster, "ask-in-plain-text", "tester", &labels).await
}

async fn run(cluster: &Cluster, name: &str, identity: &str, labels: &Value) -> Result<BTreeSet<Reached>> {
    let image = cluster.image(Service::Catalog).await?.replace("/catalog:", "/cli:");
    cluster.kubectl(&["delete", "pod", name, "--ignore-not-found"]).await?;
    cluster.apply(&pod(name, identity, &image, labels)).await?;
    cluster.kubectl(&["wait", "pod", name, "--for=jsonpath={.status.phase}=Succeeded", LIMIT]).await?;
    let told = cluster.kubectl(&["logs", name, "-c", "ask"]).await?;
    cluster.kubectl(&["delete", "pod", name, "--wait=false"]).await?;
    let lines: Vec<Value> =
        told.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(told.clone())?;
    anyhow::ensure!(lines.len() > 200, "{name} asked only {} times: {told}", lines.len());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let allowed = lines.iter().filter(|line| line["answer"] == "allowed");
    Ok(allowed.map(|line| (text(&line["to"]), text(&line["what"]))).collect())
}

fn pod(name: &str, identity: &str, image: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "serviceAccountName": identity,
            "automountServiceAccountToken": false,
            // Istio's CNI plugin mends a pod that began before its packet rules; one that must not restart is lost.
            "restartPolicy": "OnFailure",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "ask", "image": image, "args": ["cluster", "ask", "--output", "json"],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}
